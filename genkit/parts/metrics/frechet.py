"""The Fréchet distance between Gaussians fitted to the features of data and of samples.

    d² = ‖μ_r - μ_g‖² + tr(Σ_r + Σ_g - 2 (Σ_r Σ_g)^½)

Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
https://arxiv.org/abs/1706.08500, eq. (6); Dowson & Landau 1982. It is the squared Wasserstein-2 distance of the two
Gaussians. With the features of the published Inception network it is the FID, and with no others is it called that.

The published code takes the root of a matrix product that is not symmetric, in complex numbers. Here

    tr (Σ_r Σ_g)^½ = tr (R Σ_g Rᵀ)^½ = Σ_d √λ_d,   RᵀR = Σ_r,

with λ the eigenvalues of a symmetric matrix: real, and much faster, with no ε on the diagonal. The number of samples
biases the distance upwards, so it belongs to the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol, Extractor
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.extractors.inception import Inception
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.features import Features, features_of, protocol_of
from genkit.parts.metrics.split import Split, split_and_size

DETAILS: Mapping[str, str | int | float] = {"covariance": "unbiased"}


class Moments(NamedTuple):
    """What a Gaussian is fitted by."""

    mean: Tensor  # (F,) float64
    covariance: Tensor  # (F, F) float64, unbiased


def moments(features: Features) -> Moments:
    """Return the moments of features, (N, F), in one pass; at least two samples.

    Chunks are merged by the update of Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115.
    """
    first = next(iter(features))
    count, mean = 0, torch.zeros(first.shape[1], dtype=torch.float64)
    scatter = torch.zeros(first.shape[1], first.shape[1], dtype=torch.float64)
    for chunk in features:
        added, centre = len(chunk), chunk.mean(dim=0)
        shift, total = centre - mean, count + len(chunk)
        scatter.addmm_((chunk - centre).T, chunk - centre)
        scatter.addr_(shift, shift, alpha=count * added / total)
        mean = mean + shift * (added / total)
        count = total
    return Moments(mean, scatter / (count - 1))


def frechet(p: Moments, q: Moments) -> float:
    """Return the squared Fréchet distance of two Gaussians; not negative."""
    values, vectors = torch.linalg.eigh(p.covariance)
    root = values.clamp_min(0).sqrt()[:, None] * vectors.T  # R: RᵀR is the covariance
    overlap = torch.linalg.eigvalsh(root @ q.covariance @ root.T).clamp_min(0).sqrt().sum()
    spread = p.covariance.trace() + q.covariance.trace() - 2 * overlap
    return max(0.0, ((p.mean - q.mean).square().sum() + spread).item())


@dataclass(frozen=True)
class FrechetDistance(ModelMetric):
    """The squared Fréchet distance of the features of samples from those of the data."""

    features: Annotated[Extractor, Doc("what is compared, and what the number is to be called after")]
    samples: Annotated[PositiveInt, Doc("of each side")] = 5_000
    split: Annotated[Split, Doc('"test": what the data set holds out')] = "test"

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State the features. Raises `ValueError` for samples that have none, and for fewer samples than features."""
        width = self.features.width(tuple(data.shape))
        split, size = split_and_size(data, self.split)
        needed = f"too few: the covariance of {width} features needs {width + 1} at least"
        if size is not None and size <= width:  # before the number that is asked for: no other would do
            raise ValueError(
                f"the {size} samples of the {split} split are {needed}. Take features that are fewer, or the "
                "kernel-distance, which needs no covariance"
            )
        if self.samples <= width:
            raise ValueError(f"samples = {self.samples} is {needed}. Set samples = {width + 1} or more")
        return protocol_of(self, self.features, data, DETAILS)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the distance. Raises `ValueError` if a side is not finite, or all the same."""
        real = features_of(evaluation, "reference", self.features)
        fake = features_of(evaluation, "generated", self.features)
        return frechet(moments(real), moments(fake))


@dataclass(frozen=True)
class FID(FrechetDistance):
    """The Fréchet Inception distance: that of the features of the published Inception network, and of no others.

    Raises `ValueError` for other features.
    """

    features: Annotated[Extractor, Doc('"inception", with the path to its weights')]
    samples: Annotated[PositiveInt, Doc("of each side, as is the custom: the fewer, the higher the number")] = 50_000
    split: Annotated[Split, Doc("as is the custom")] = "train"

    def __post_init__(self) -> None:
        if not isinstance(self.features, Inception):
            raise ValueError(
                f'features = "{self.features.name}" gives no FID: only the published Inception network does. Use '
                "frechet-distance, whose number is called after its features"
            )
