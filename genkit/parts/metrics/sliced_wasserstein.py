"""Sliced Wasserstein distance: the Wasserstein-2 distance of samples projected onto random lines. No network is used.

    SW² = mean_θ W₂²(θ·x, θ·y),   W₂²(a, b) = 1/N Σ_n (a_(n) - b_(n))²

over random unit vectors θ, with a_(n) the n-th smallest value. Rabin, Peyré, Delon & Bernot 2011, "Wasserstein
barycenter and its application to texture mixing", https://doi.org/10.1007/978-3-642-24785-9_37; Bonneel et al. 2015,
https://doi.org/10.1007/s10851-014-0506-3. The metric is SW, in the units of a coordinate. For two draws of N samples
from one distribution it is not 0, but decreases as 1/√N. Karras et al. 2018 compute it for patches of image pyramids,
which is a different number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Features,
    Model,
    ModelMetric,
    PositiveInt,
    Split,
    features_of,
    protocol_of,
    seed_of,
)

SORTED_AT_ONCE = 2**19  # values of one side, so that memory does not grow with the number of samples


@dataclass(frozen=True)
class Projections:
    """Extractor that projects a sample of any shape onto `number` random unit vectors, which are always the same."""

    number: Annotated[PositiveInt, Doc("Number of random unit vectors, one feature each.")]

    @property
    def name(self) -> str:
        """The name, with the number of projections."""
        return f"{self.number} random projections"

    @property
    def digest(self) -> str:
        """Empty: there are no weights, and the unit vectors depend only on the sample size and their number."""
        return ""

    def unmet(self) -> tuple[str, ...]:
        """Return nothing: no files are needed."""
        return ()

    def resize(self, shape: tuple[int, ...]) -> str:
        """Return an empty description: samples are not resized."""
        return ""

    def width(self, shape: tuple[int, ...]) -> int:
        """Return the number of projections."""
        return self.number

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the projections of x, (B, *shape), as (B, number)."""
        return x.flatten(1) @ self.directions(math.prod(x.shape[1:])).to(x).T

    def directions(self, size: int) -> Tensor:
        """Return the unit vectors for samples of `size` coordinates, (number, size) float32."""
        if size not in self._directions:
            generator = torch.Generator().manual_seed(seed_of("sliced-wasserstein", size))
            drawn = torch.randn(self.number, size, generator=generator)
            self._directions[size] = drawn / drawn.norm(dim=1, keepdim=True)
        return self._directions[size]

    @cached_property
    def _directions(self) -> dict[int, Tensor]:
        return {}


def squared_wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """Return W₂² between the columns of x and y, (N, P) each, as (P,)."""
    return (x.sort(dim=0).values - y.sort(dim=0).values).square().mean(dim=0)


@dataclass(frozen=True)
class SlicedWasserstein(ModelMetric):
    """The root mean square, over random lines, of the Wasserstein-2 distance between generated samples and data."""

    samples: Annotated[PositiveInt, Doc("Number of generated samples, and of data samples to compare with.")] = 5_000
    split: Annotated[Split, Doc('Split of the data to compare with; "test" is the held-out split.')] = "test"
    projections: Annotated[PositiveInt, Doc("Number of random lines that the samples are projected onto.")] = 500

    value_on_itself: ClassVar[float] = 0.0

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the projections. Raises `ValueError` if the split is not available or too small."""
        return protocol_of(self, Projections(self.projections), data, {"order": 2})

    def compute(self, evaluation: Evaluation) -> float:
        """Return the distance in units of a coordinate. Raises `ValueError` if a side is not finite or all the same."""
        real = features_of(evaluation, "reference", Projections(self.projections))
        fake = features_of(evaluation, "generated", Projections(self.projections))
        columns, total = max(1, SORTED_AT_ONCE // len(real)), 0.0
        for start in range(0, self.projections, columns):
            x, y = (_columns(side, slice(start, start + columns)) for side in (real, fake))
            total += squared_wasserstein(x, y).sum().item()
        return math.sqrt(total / self.projections)


def _columns(features: Features, which: slice) -> Tensor:
    """Return some columns of features, (N, P) float64 on the CPU."""
    return torch.from_numpy(np.asarray(features.rows[:, which], np.float64))
