"""Fréchet distance between Gaussians fitted to the features of data and of generated samples.

    d² = ‖μ_r - μ_g‖² + tr(Σ_r + Σ_g - 2 (Σ_r Σ_g)^½)

Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium",
https://arxiv.org/abs/1706.08500, eq. (6); Dowson & Landau 1982. It is the squared Wasserstein-2 distance of the two
Gaussians. It is called FID only with the features of the published Inception network.

The published code takes the root of a matrix product that is not symmetric, in complex numbers. Here

    tr (Σ_r Σ_g)^½ = tr (R Σ_g Rᵀ)^½ = Σ_d √λ_d,   RᵀR = Σ_r,

with λ the eigenvalues of a symmetric matrix: they are real, much faster to compute, and need no ε on the diagonal.
The distance is biased upwards, more so with fewer samples, so the number of samples belongs to the protocol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch

from genkit.api import (
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Extractor,
    GaussianMoments,
    Model,
    ModelMetric,
    PositiveInt,
    Split,
    features_of,
    fit_gaussian,
    protocol_of,
    split_and_size,
)
from genkit.parts.extractors.inception import SHA256
from genkit.parts.extractors.inception_network import INCEPTION_FEATURES

DETAILS: Mapping[str, str | int | float] = {"covariance": "unbiased"}


def squared_frechet_distance(p: GaussianMoments, q: GaussianMoments) -> float:
    """Return d² between two Gaussians; not negative."""
    values, vectors = torch.linalg.eigh(p.covariance)
    root = values.clamp_min(0).sqrt()[:, None] * vectors.T  # R: RᵀR is the covariance
    overlap = torch.linalg.eigvalsh(root @ q.covariance @ root.T).clamp_min(0).sqrt().sum()
    spread = p.covariance.trace() + q.covariance.trace() - 2 * overlap
    return max(0.0, ((p.mean - q.mean).square().sum() + spread).item())


@dataclass(frozen=True)
class FrechetDistance(ModelMetric):
    """The squared Fréchet distance between the features of generated samples and of data."""

    features: Annotated[Extractor, Doc("Extractor of the features to compare; it is part of the protocol.")]
    samples: Annotated[
        PositiveInt,
        Doc("Number of generated samples, and of data samples to compare with; more than there are features."),
    ] = 5_000
    split: Annotated[Split, Doc('Split of the data to compare with; "test" is the held-out split.')] = "test"

    value_on_itself: ClassVar[float] = 0.0

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, which names the features.

        Raises `ValueError` for samples that the extractor cannot read, and unless there are more samples than features.
        """
        width = self.features.width(tuple(data.shape))
        split, size = split_and_size(data, self.split)
        needed = f"the covariance of {width} features needs at least {width + 1}"
        if size is not None and size <= width:  # checked first: no value of `samples` would do
            raise ValueError(
                f"the {split} split has {size} samples, but {needed}. Choose an extractor of fewer features, or use "
                "kernel-distance, which needs no covariance"
            )
        if self.samples <= width:
            raise ValueError(f"samples = {self.samples} is too few: {needed}. Set samples = {width + 1} or more")
        return protocol_of(self, self.features, data, DETAILS)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the squared distance. Raises `ValueError` if a side is not finite or all the same."""
        real = features_of(evaluation, "reference", self.features)
        fake = features_of(evaluation, "generated", self.features)
        return squared_frechet_distance(fit_gaussian(real), fit_gaussian(fake))


@dataclass(frozen=True)
class FID(FrechetDistance):
    """The Fréchet Inception distance, which uses the published Inception network and no other features.

    Any extractor whose `digest` is the SHA-256 of the published file will do. Raises `ValueError` for other features.
    """

    features: Annotated[Extractor, Doc('The extractor "inception", with the path of its weights.')]
    samples: Annotated[
        PositiveInt,
        Doc(
            "Number of generated samples and of data samples, each; 50,000 by convention, and fewer give a higher FID."
        ),
    ] = 50_000
    split: Annotated[Split, Doc('Split of the data to compare with; "train" by convention.')] = "train"

    def __post_init__(self) -> None:
        if self.features.digest != SHA256:
            raise ValueError(
                f'features = "{self.features.name}": FID is defined only for the published Inception network. '
                'Set features to "inception", or use frechet-distance with these features'
            )

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol. Raises `ValueError` as `FrechetDistance`, and for other features of the network."""
        width = self.features.width(tuple(data.shape))
        if width != INCEPTION_FEATURES:
            raise ValueError(
                f'features = "{self.features.name}": {width} features of the Inception network, but FID is defined for '
                f"the {INCEPTION_FEATURES} of its last pool. Use frechet-distance with these features"
            )
        return super().protocol(data, model)
