"""Balls about features, each as wide as the way to its k-th nearest neighbour: what four metrics are made of.

Distances are taken block by block, so that memory does not grow with the square of the number of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol, Extractor
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.features import Features, Side, features_of, protocol_of, settings_of
from genkit.parts.metrics.split import Split

ROUNDING = 1e-7  # of squared sizes: what float32 makes of a point that lies on a ball, as 8-bit pixels often do


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return ‖x_i - y_j‖² of rows in float64, (m, F) and (n, F), as (m, n); not negative."""
    squares = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    return squares.addmm_(x, y.T, alpha=-2).clamp_min_(0)


def nearest(points: Features, others: Features, k: int) -> Tensor:
    """Return the squared distances of `points` to their k nearest among `others`, (N, k) ascending."""
    found = []
    for x in points:
        closest = torch.full((len(x), k), torch.inf, dtype=x.dtype)
        for y in others:
            closest = torch.cat([closest, squared_distances(x, y)], dim=1).topk(k, largest=False).values
        found.append(closest)
    return torch.cat(found)


@dataclass(frozen=True)
class Balls:
    """A ball about each of some features."""

    centres: Features
    squared_radii: Annotated[Tensor, Doc("(N,) float64")]

    def about(self, points: Features) -> Tensor:
        """Return how many of the balls hold each of `points`, (M,) int64; what lies on a ball lies in it."""
        found = []
        for x in points:
            radii = iter(self.squared_radii.split([len(y) for y in self.centres]))
            found.append(sum((squared_distances(x, y) <= next(radii)).sum(dim=1) for y in self.centres))
        return torch.cat(found)


@dataclass(frozen=True)
class NeighbourMetric(ModelMetric):
    """The keys and the protocol of a metric of k nearest neighbours. Raises `ValueError` for k without so many."""

    features: Annotated[Extractor, Doc("what is compared, and what the number is to be called after")]
    samples: Annotated[PositiveInt, Doc("of each side")] = 5_000
    split: Annotated[Split, Doc('"test": what the data set holds out')] = "test"
    k: Annotated[PositiveInt, Doc("a ball reaches to the k-th nearest neighbour")] = 3

    def __post_init__(self) -> None:
        if self.k >= self.samples:
            raise ValueError(
                f"k = {self.k} asks for more neighbours than one of {self.samples} samples has. "
                f"Set k = {self.samples - 1} or fewer"
            )

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State features and neighbours. Raises `ValueError` for samples that cannot be read."""
        return protocol_of(self, self.features, data, {"neighbours": self.k})

    def balls(self, evaluation: Evaluation, side: Side) -> Balls:
        """Return the balls about the features of a side.

        Raises `ValueError` if any is not finite, or if all samples are the same.
        """
        centres = features_of(evaluation, side, self.features)
        key = ("radii", side, settings_of(self.features), self.k)
        if key not in evaluation.shared:
            reach = nearest(centres, centres, self.k + 1)[:, self.k]  # the nearest of all is the sample itself
            sizes = torch.cat([chunk.square().sum(dim=1) for chunk in centres])
            evaluation.shared[key] = reach + ROUNDING * (reach + sizes)
        return Balls(centres, evaluation.shared[key])
