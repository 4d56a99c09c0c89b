"""Score (μ(x) - m)ᵀ S⁻¹ (μ(x) - m): the squared Mahalanobis distance of a code from the codes of training data.

μ(x) is the posterior mean; m and S are the mean and the unbiased covariance of the posterior means of training samples,
in float64. A share of 1e-6 of the mean variance is added to the diagonal of S, so dimensions without variance, which
carry nothing, do not decide the distance. For a score of features of a classifier: Lee et al. 2018,
https://arxiv.org/abs/1807.03888.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from genkit.api import Autoencoder, Doc, Noise, Score, fit_gaussian

RIDGE = 1e-6


@dataclass(frozen=True)
class Mahalanobis(Score):
    """Squared Mahalanobis distance of the posterior mean from those of training samples."""

    samples: Annotated[Annotated[int, Ge(2)], Doc("Number of training samples that mean and covariance are of.")] = (
        2_000
    )

    @property
    def samples_to_fit(self) -> int:
        """Number of training samples that mean and covariance are of."""
        return self.samples

    def fitted(self, model: Autoencoder, normal: Iterable[Tensor]) -> Score:
        """Return the distance from the codes of these samples. Raises `ValueError` if a code is not finite."""
        mean, covariance = fit_gaussian(_codes(model, x) for x in normal)
        ridge = RIDGE * covariance.diagonal().mean()
        if ridge == 0:
            raise ValueError("all training samples have the same code, so no distance is defined")
        return MahalanobisDistance(mean, torch.linalg.inv(covariance + ridge * torch.eye(model.latent_dim)))

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Raise `ValueError`: the score must be fitted first."""
        raise ValueError("the score mahalanobis must be fitted to training samples first: call `fitted`")


def _codes(model: Autoencoder, x: Tensor) -> Tensor:
    codes = model.encoder(x).mu.cpu().double()
    if not codes.isfinite().all():
        raise ValueError("the posteriors of training samples are not finite")
    return codes


@dataclass(frozen=True)
class MahalanobisDistance(Score):
    """The fitted score."""

    mean: Tensor  # (L,) float64
    precision: Tensor  # (L, L) float64

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,) float64 on the CPU."""
        shift = model.encoder(x).mu.cpu().double() - self.mean
        return ((shift @ self.precision) * shift).sum(dim=1)
