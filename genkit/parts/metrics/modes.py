"""Mode coverage: how many modes of a Gaussian mixture a model covers, and the share of its samples near a mode.

A sample belongs to its nearest mode if it is within `radius` standard deviations of it (Euclidean). Three is customary;
VEEGAN calls such samples "high quality": Srivastava et al. 2017, https://arxiv.org/abs/1705.07761. In 2-D,
1 - exp(-9/2) = 98.9 % of the data are within this radius, so a perfect model reaches that share too.

Difference from VEEGAN: there a single sample covers a mode, so the count depends on the number of samples. Here a mode
needs a minimum share of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveFloat,
    PositiveInt,
    modes_of,
)


def require_modes(data: Dataset) -> tuple[Tensor, float]:
    """Return the modes, (M, D) float64, and their standard deviation.

    Raises `ValueError` unless the data are a `MultimodalDataset`.
    """
    modes = modes_of(data)
    if modes is None:
        raise ValueError(
            "the modes of this data set are not known. Use a mixture of Gaussians, such as 8-gaussians, or leave this "
            "metric out"
        )
    return modes


def mode_shares(evaluation: Evaluation, radius: float) -> Tensor:
    """Return the share of the generated samples that belongs to each mode, (M,) float64."""
    centres, std = require_modes(evaluation.data)
    counts = torch.zeros(len(centres), dtype=torch.float64)
    for chunk in evaluation.generated:
        distance, nearest = torch.cdist(chunk.cpu().double(), centres).min(dim=1)
        counts += torch.bincount(nearest[distance <= radius * std], minlength=len(counts))
    return counts / len(evaluation.generated)


@dataclass(frozen=True)
class Modes(ModelMetric):
    """The number of modes to which at least `min_share` of the generated samples belongs."""

    out_of: ClassVar[str] = "modes"

    samples: Annotated[PositiveInt, Doc("Number of generated samples.")] = 50_000
    radius: Annotated[
        PositiveFloat, Doc("Largest distance of a sample from its mode, in standard deviations of the mode.")
    ] = 3.0
    min_share: Annotated[
        float, Interval(gt=0, le=1), Doc("Share of all generated samples that a mode needs to be covered.")
    ] = 0.01

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with what covers a mode.

        Raises `ValueError` unless the modes are known, and if `min_share` is so large that not all can be covered.
        """
        centres, std = require_modes(data)
        modes = len(centres)
        if self.min_share * modes >= 1:
            raise ValueError(
                f"min_share = {self.min_share:g} is too large: each of the {modes} modes has 1/{modes} of the data. "
                f"Set min_share to less than {1 / modes:g}"
            )
        details = {"modes": modes, "std": std, "radius": self.radius, "min_share": self.min_share}
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number of covered modes, 0 to M."""
        return float((mode_shares(evaluation, self.radius) >= self.min_share).sum())


@dataclass(frozen=True)
class HighQuality(ModelMetric):
    """The share of the generated samples that belongs to a mode."""

    is_share: ClassVar[bool] = True

    samples: Annotated[PositiveInt, Doc("Number of generated samples.")] = 50_000
    radius: Annotated[
        PositiveFloat, Doc("Largest distance of a sample from its mode, in standard deviations of the mode.")
    ] = 3.0

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the radius. Raises `ValueError` unless the modes are known."""
        centres, std = require_modes(data)
        details = {"modes": len(centres), "std": std, "radius": self.radius}
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the share, 0 to 1."""
        return float(mode_shares(evaluation, self.radius).sum())
