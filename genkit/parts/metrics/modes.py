"""How many modes of a mixture a model covers, and how many of its samples belong to any.

A sample belongs to its nearest mode if it lies within `radius` standard deviations of it (Euclidean). Three is the
custom, and what VEEGAN counts as a sample of high quality: Srivastava et al. 2017,
https://arxiv.org/abs/1705.07761. In the plane the data themselves have 1 - exp(-9/2) = 98.9 % such samples, so that is
the best a model can honestly reach.

Deviation: there one sample makes a mode captured, which depends on how many are drawn; here a share of them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from genkit.core.field_types import Doc, PositiveFloat, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.datasets.base.mixture import GaussianMixture
from genkit.parts.metrics.base import ModelMetric


def mixture(data: Dataset) -> GaussianMixture:
    """Return `data`. Raises `ValueError` unless its modes are known."""
    if not isinstance(data, GaussianMixture):
        raise ValueError("modes can be counted only where they are known: the data set must be a mixture of Gaussians")
    return data


def members(evaluation: Evaluation, radius: float) -> Tensor:
    """Return the share of the generated samples that belongs to each mode, (M,) float64."""
    data = mixture(evaluation.data)
    counts = torch.zeros(len(data.centres), dtype=torch.float64)
    for chunk in evaluation.generated:
        distance, nearest = torch.cdist(chunk.cpu().double(), data.centres).min(dim=1)
        counts += torch.bincount(nearest[distance <= radius * data.std], minlength=len(counts))
    return counts / len(evaluation.generated)


@dataclass(frozen=True)
class Modes(ModelMetric):
    """The number of modes to which at least `min_share` of the samples belongs."""

    samples: Annotated[PositiveInt, Doc("generated")] = 50_000
    radius: Annotated[PositiveFloat, Doc("in standard deviations of a mode")] = 3.0
    min_share: Annotated[float, Interval(gt=0, le=1), Doc("of all samples, for a mode to be covered")] = 0.01

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State when a mode is covered. Raises `ValueError` where modes are unknown or could never all be covered."""
        modes = len(mixture(data).centres)
        if self.min_share * modes >= 1:
            raise ValueError(
                f"min_share = {self.min_share:g} is too much: each of the {modes} modes has 1/{modes} of the data"
            )
        details = {"modes": modes, "std": mixture(data).std, "radius": self.radius, "min_share": self.min_share}
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number of modes covered, 0 to M."""
        return float((members(evaluation, self.radius) >= self.min_share).sum())


@dataclass(frozen=True)
class HighQuality(ModelMetric):
    """The share of the samples that belong to any mode."""

    samples: Annotated[PositiveInt, Doc("generated")] = 50_000
    radius: Annotated[PositiveFloat, Doc("in standard deviations of a mode")] = 3.0

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State when a sample belongs to a mode. Raises `ValueError` where modes are unknown."""
        details = {"modes": len(mixture(data).centres), "std": mixture(data).std, "radius": self.radius}
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1."""
        return float(members(evaluation, self.radius).sum())
