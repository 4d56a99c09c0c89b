"""The keys that metrics share: which form of the trained model is measured.

A metric states them in its protocol, beside its own:

    EvaluationProtocol(self.samples, split, self.weights, self.batch_norm, details=...)

Nothing obliges a metric to take them: one that does not is of the raw weights, and of the running statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from genkit.core.field_types import Doc
from genkit.core.metric import BatchNormMode


@dataclass(frozen=True, kw_only=True)
class ModelMetric:
    """A number of a trained model."""

    weights: Annotated[Literal["raw", "ema"], Doc('which weights; "ema" needs [ema]')] = "raw"
    batch_norm: Annotated[
        BatchNormMode | None, Doc('whose statistics normalise, "running" unless given; of batch norms alone')
    ] = None
