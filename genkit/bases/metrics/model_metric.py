"""Base class of metrics, with the keys that choose which form of the trained model is evaluated.

A metric passes both keys on to its protocol:

    EvaluationProtocol(self.samples, split, self.weights, self.batch_norm, details=...)

A metric need not derive from this class. Without these keys it evaluates the raw weights with running statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from genkit.core.field_types import Doc
from genkit.core.metric import BatchNormMode


@dataclass(frozen=True, kw_only=True)
class ModelMetric:
    """A metric of a trained model."""

    weights: Annotated[
        Literal["raw", "ema"],
        Doc('Weights to evaluate: "raw" as trained, or "ema" for the EMA weights, which need [ema].'),
    ] = "raw"
    batch_norm: Annotated[
        BatchNormMode | None,
        Doc(
            'Statistics that batch norm uses: "running" from training (the default), "batch" of the samples evaluated '
            'together, or "recalibrated" from training data after training.'
        ),
    ] = None
