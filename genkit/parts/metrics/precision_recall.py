"""Improved precision and recall: the shares of generated samples that look like data, and of data like samples.

    precision = 1/M Σ_j 1[g_j ∈ ∪_i B(r_i)],   recall = 1/N Σ_i 1[r_i ∈ ∪_j B(g_j)]

r_i are the features of the N data samples, g_j those of the M generated samples. B(x) is the ball centred at x that
reaches to the k-th nearest neighbour of x on its own side.

Kynkäänniemi, Karras, Laine, Lehtinen & Aila 2019, https://arxiv.org/abs/1904.06991, eq. (1) and (2), k = 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from genkit.api import Evaluation, NeighbourMetric, features_of


@dataclass(frozen=True)
class PrecisionMetric(NeighbourMetric):
    """The share of generated samples inside a ball of the data. It measures fidelity."""

    value_on_itself: ClassVar[float] = 1.0
    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        fake = features_of(evaluation, "generated", self.features)
        return (self.balls(evaluation, "reference").count(fake) > 0).double().mean().item()


@dataclass(frozen=True)
class RecallMetric(NeighbourMetric):
    """The share of the data inside a ball of the generated samples. It measures diversity."""

    value_on_itself: ClassVar[float] = 1.0
    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        real = features_of(evaluation, "reference", self.features)
        return (self.balls(evaluation, "generated").count(real) > 0).double().mean().item()
