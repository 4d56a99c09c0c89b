"""Score -log p̂_M(x), the negative importance-weighted likelihood (`genkit.core.likelihood`).

With few draws it is far too high for samples on which the posterior q(z|x) is a poor proposal. Introspective encoders
are trained away from the true posterior of fakes, so this helps the detection of abnormal samples; but the number is
then no likelihood. Likelihoods can be inverted: a VAE of CIFAR-10 finds SVHN likelier than its own data (Nalisnick et
al. 2019, https://arxiv.org/abs/1810.09136).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from genkit.api import Autoencoder, Doc, Noise, PositiveFloat, PositiveInt, Score, log_likelihood


@dataclass(frozen=True)
class LogLikelihood(Score):
    """Negative importance-weighted estimate of the log-likelihood, in nats."""

    draws: Annotated[PositiveInt, Doc("Number M of codes drawn for each sample.")] = 5
    variance: Annotated[
        PositiveFloat | None,
        Doc("Variance of the decoder; by default ½ for the error squared, 2 for l1. bce has none."),
    ] = None

    def check(self, model: Autoencoder) -> None:
        """Raise `ValueError` if the reconstruction error of the model is no density."""
        x = torch.empty(1, *model.data_shape, device="meta")
        model.reconstruction_error.log_density(x, x, self.variance)

    def implied(self, model: Autoencoder) -> Mapping[str, float]:
        """Return the variance that the reconstruction error implies; nothing if the key is set or it implies none."""
        variance = model.reconstruction_error.implied_variance
        return {} if self.variance is not None or variance is None else {"variance": variance}

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,) float64."""
        return -log_likelihood(model, x, self.draws, self.variance, noise)
