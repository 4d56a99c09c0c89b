"""Density and coverage: precision and recall that a single outlier does not decide.

    density = 1/(kM) Σ_j Σ_i 1[g_j ∈ B(r_i)],   coverage = 1/N Σ_i 1[∃j: g_j ∈ B(r_i)]

B(r) is the ball about the features of a datum that reaches to its k-th nearest neighbour among the data. Naeem, Oh, Uh,
Choi & Yoo 2020, "Reliable fidelity and diversity metrics for generative models", https://arxiv.org/abs/2002.09797,
eq. (3) and (4), k = 5. Both read balls about data alone, since those about samples are as wide as the samples are bad.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation
from genkit.parts.metrics.features import features_of
from genkit.parts.metrics.knn import NeighbourMetric, nearest


@dataclass(frozen=True)
class DensityMetric(NeighbourMetric):
    """How many balls about data hold a sample, on average, divided by k: fidelity; above 1 where data are dense."""

    k: Annotated[PositiveInt, Doc("a ball reaches to the k-th nearest neighbour")] = 5

    def compute(self, evaluation: Evaluation) -> float:
        """Return the density, 0 or more. Raises `ValueError` if a side is not finite or all the same."""
        fake = features_of(evaluation, "generated", self.features)
        return self.balls(evaluation, "reference").about(fake).double().mean().item() / self.k


@dataclass(frozen=True)
class CoverageMetric(NeighbourMetric):
    """The share of the data about which at least one sample lies: diversity."""

    k: Annotated[PositiveInt, Doc("a ball reaches to the k-th nearest neighbour")] = 5

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        balls = self.balls(evaluation, "reference")
        closest = nearest(balls.centres, features_of(evaluation, "generated", self.features), 1)[:, 0]
        return (closest <= balls.squared_radii).double().mean().item()
