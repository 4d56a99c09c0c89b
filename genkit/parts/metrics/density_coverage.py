"""Density and coverage: variants of precision and recall that are robust to outliers.

    density = 1/(kM) Σ_j Σ_i 1[g_j ∈ B(r_i)],   coverage = 1/N Σ_i 1[∃j: g_j ∈ B(r_i)]

r_i are the features of the N data samples, g_j those of the M generated samples. B(r_i) is the ball centred at r_i
that reaches to its k-th nearest neighbour among the data. Both metrics use balls of data only, because balls of
generated samples grow as the samples get worse.

Naeem, Oh, Uh, Choi & Yoo 2020, "Reliable fidelity and diversity metrics for generative models",
https://arxiv.org/abs/2002.09797, eq. (3) and (4), k = 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from genkit.api import Doc, Evaluation, NeighbourMetric, PositiveInt, features_of, nearest_squared_distances


@dataclass(frozen=True)
class DensityMetric(NeighbourMetric):
    """The mean number of balls around data that contain a generated sample, divided by k.

    It measures fidelity and can exceed 1 where the data are dense.
    """

    k: Annotated[PositiveInt, Doc("Rank of the neighbour that the radius of a ball reaches to; 1 is the nearest.")] = 5

    def compute(self, evaluation: Evaluation) -> float:
        """Return the density, 0 or more. Raises `ValueError` if a side is not finite or all the same."""
        fake = features_of(evaluation, "generated", self.features)
        return self.balls(evaluation, "reference").count(fake).double().mean().item() / self.k


@dataclass(frozen=True)
class CoverageMetric(NeighbourMetric):
    """The share of the data whose ball contains a generated sample. It measures diversity."""

    k: Annotated[PositiveInt, Doc("Rank of the neighbour that the radius of a ball reaches to; 1 is the nearest.")] = 5

    value_on_itself: ClassVar[float] = 1.0
    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1. Raises `ValueError` if a side is not finite or all the same."""
        balls = self.balls(evaluation, "reference")
        fake = features_of(evaluation, "generated", self.features)
        closest = nearest_squared_distances(balls.centres, fake, 1)[:, 0]
        return (closest <= balls.squared_radii).double().mean().item()
