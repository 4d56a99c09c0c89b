"""k-nearest-neighbour balls of features, shared by precision, recall, density and coverage.

The ball of a sample is centred at its features and reaches to the k-th nearest neighbour on the same side. Distances
are computed in blocks, so that memory does not grow with the square of the number of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.bases.metrics.features import Features, Side, features_of, protocol_of, settings_of
from genkit.bases.metrics.model_metric import ModelMetric
from genkit.bases.metrics.split import Split
from genkit.core.dataset import Dataset
from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol, Extractor
from genkit.core.model import Model

# Rounding of float32 features, relative to squared distances: points on the surface of a ball have to stay inside.
ROUNDING = 1e-7


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return ‖x_i - y_j‖² of float64 rows, (m, F) and (n, F), as (m, n); not negative."""
    squares = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    return squares.addmm_(x, y.T, alpha=-2).clamp_min_(0)


def nearest_squared_distances(points: Features, others: Features, k: int) -> Tensor:
    """Return the squared distances from each of `points` to its k nearest among `others`, (N, k) ascending."""
    blocks = []
    for x in points:
        closest = torch.full((len(x), k), torch.inf, dtype=x.dtype)
        for y in others:
            closest = torch.cat([closest, squared_distances(x, y)], dim=1).topk(k, largest=False).values
        blocks.append(closest)
    return torch.cat(blocks)


@dataclass(frozen=True)
class NeighbourBalls:
    """The balls of all samples of one side."""

    centres: Features
    squared_radii: Annotated[Tensor, Doc("Squared radius of each ball, (N,) float64.")]

    def count(self, points: Features) -> Tensor:
        """Return how many balls contain each of `points`, (M,) int64; a ball contains its surface."""
        blocks = []
        for x in points:
            radii = iter(self.squared_radii.split([len(y) for y in self.centres]))
            blocks.append(sum((squared_distances(x, y) <= next(radii)).sum(dim=1) for y in self.centres))
        return torch.cat(blocks)


@dataclass(frozen=True)
class NeighbourMetric(ModelMetric):
    """Base class of metrics of k nearest neighbours. Raises `ValueError` unless k is less than `samples`."""

    features: Annotated[Extractor, Doc("Extractor of the features to compare; it is part of the protocol.")]
    samples: Annotated[PositiveInt, Doc("Number of generated samples, and of data samples to compare with.")] = 5_000
    split: Annotated[Split, Doc('Split of the data to compare with; "test" is the held-out split.')] = "test"
    k: Annotated[PositiveInt, Doc("Rank of the neighbour that the radius of a ball reaches to; 1 is the nearest.")] = 3

    def __post_init__(self) -> None:
        if self.k >= self.samples:
            raise ValueError(
                f"k = {self.k} is too large: each of {self.samples} samples has {self.samples - 1} neighbours. "
                f"Set k = {self.samples - 1} or less"
            )

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with features and k. Raises `ValueError` for samples that cannot be read."""
        return protocol_of(self, self.features, data, {"neighbours": self.k})

    def balls(self, evaluation: Evaluation, side: Side) -> NeighbourBalls:
        """Return the balls of one side. Raises `ValueError` if the samples are not finite or all the same."""
        centres = features_of(evaluation, side, self.features)
        key = ("radii", side, settings_of(self.features), self.k)
        if key not in evaluation.shared:
            # Column 0 is the distance of a sample to itself.
            distances = nearest_squared_distances(centres, centres, self.k + 1)[:, self.k]
            norms = torch.cat([chunk.square().sum(dim=1) for chunk in centres])
            evaluation.shared[key] = distances + ROUNDING * (distances + norms)
        return NeighbourBalls(centres, evaluation.shared[key])
