"""The sliced Wasserstein distance: that of the samples themselves, on lines, and no network has a say in it.

    SW² = mean_θ W₂²(θ·x, θ·y),   W₂²(a, b) = 1/N Σ_n (a_(n) - b_(n))²

over random unit vectors θ, with a_(n) the n-th smallest. Rabin, Peyré, Delon & Bernot 2011, "Wasserstein barycenter and
its application to texture mixing", https://doi.org/10.1007/978-3-642-24785-9_37; Bonneel et al. 2015,
https://doi.org/10.1007/s10851-014-0506-3. The number is SW, in the units of a coordinate. Of two draws of N samples
from one distribution it is not 0, but falls as 1/√N. Karras et al. 2018 take it of patches of image pyramids, which is
another number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Model
from genkit.core.noise import seed_of
from genkit.core.types import Dataset
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.features import Features, features_of, protocol_of
from genkit.parts.metrics.split import Split

AT_ONCE = 2**19  # numbers of a side that are sorted at once, so that memory does not grow with the samples


@dataclass(frozen=True)
class Projections:
    """The products of a sample of any shape with `number` random unit vectors, the same ones for every model."""

    number: int

    @property
    def name(self) -> str:
        """What these features are called."""
        return f"{self.number} random projections"

    @property
    def digest(self) -> str:
        """There are no weights: the directions are a function of their number."""
        return ""

    def unmet(self) -> tuple[str, ...]:
        """Nothing is needed."""
        return ()

    def resize(self, shape: tuple[int, ...]) -> str:
        """Every sample is read as it is."""
        return ""

    def width(self, shape: tuple[int, ...]) -> int:
        """Return the number of projections."""
        return self.number

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return the projections of x, (B, *shape), as (B, number)."""
        return x.flatten(1) @ self.directions(math.prod(x.shape[1:])).to(x).T

    def directions(self, size: int) -> Tensor:
        """Return the unit vectors, (number, size) float32."""
        if size not in self._made:
            generator = torch.Generator().manual_seed(seed_of("sliced-wasserstein", size))
            drawn = torch.randn(self.number, size, generator=generator)
            self._made[size] = drawn / drawn.norm(dim=1, keepdim=True)
        return self._made[size]

    @cached_property
    def _made(self) -> dict[int, Tensor]:
        return {}


def squared_wasserstein(x: Tensor, y: Tensor) -> Tensor:
    """Return W₂² between the columns of x and y, (N, P) each, as (P,)."""
    return (x.sort(dim=0).values - y.sort(dim=0).values).square().mean(dim=0)


@dataclass(frozen=True)
class SlicedWasserstein(ModelMetric):
    """The Wasserstein-2 distance of samples from data on random lines, as a root mean square over the lines."""

    samples: Annotated[PositiveInt, Doc("of each side")] = 5_000
    split: Annotated[Split, Doc('"test": what the data set holds out')] = "test"
    projections: Annotated[PositiveInt, Doc("the number of lines")] = 500

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State the lines. Raises `ValueError` where the split cannot be read."""
        return protocol_of(self, Projections(self.projections), data, {"order": 2})

    def compute(self, evaluation: Evaluation) -> float:
        """Return the distance, in units of a coordinate. Raises `ValueError` if a side is not finite or all alike."""
        real = features_of(evaluation, "reference", Projections(self.projections))
        fake = features_of(evaluation, "generated", Projections(self.projections))
        columns, total = max(1, AT_ONCE // len(real)), 0.0
        for start in range(0, self.projections, columns):
            x, y = (_columns(side, slice(start, start + columns)) for side in (real, fake))
            total += squared_wasserstein(x, y).sum().item()
        return math.sqrt(total / self.projections)


def _columns(features: Features, which: slice) -> Tensor:
    return torch.from_numpy(np.asarray(features.rows[:, which], np.float64))
