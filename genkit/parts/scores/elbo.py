"""Scores from the two terms of the evidence lower bound (ELBO), and the bound itself, at the posterior mean.

    elbo(x)  = β_rec·R(x, D(μ(x))) + β_kl·KL(q(z|x) || p)       the negative ELBO
    error(x) = R(x, D(μ(x)))
    kl(x)    = KL(q(z|x) || p)

R is the reconstruction error of the model, p its prior. Nothing is random, unless the KL of the prior is estimated by
draws. Introspective losses train the encoder to give fakes a high KL, and `kl` reads the encoder alone, so it is the
cheapest score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from genkit.api import Autoencoder, Doc, Noise, NonNegativeFloat, Score, negative_elbo


@dataclass(frozen=True)
class ELBO(Score):
    """Negative ELBO β_rec·R + β_kl·KL at the posterior mean."""

    beta_rec: Annotated[NonNegativeFloat, Doc("Weight β_rec of the error; give that of the loss.")] = 1.0
    beta_kl: Annotated[NonNegativeFloat, Doc("Weight β_kl of the KL divergence; give that of the loss.")] = 1.0

    def __post_init__(self) -> None:
        """Check the weights. Raises `ValueError` if both are 0."""
        if self.beta_rec == self.beta_kl == 0:
            raise ValueError("beta_rec and beta_kl are 0, so every sample has the score 0. Set one of them above 0")

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,)."""
        q = model.encoder(x)
        error, kl = model.error(x, model.decoder(q.mu)), model.prior.kl(q, noise.within("kl"))
        return negative_elbo(error, kl, self.beta_rec, self.beta_kl)


@dataclass(frozen=True)
class Error(Score):
    """Reconstruction error of the model at the posterior mean."""

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,)."""
        return model.error(x, model.decoder(model.encoder(x).mu))

    def map(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the error of each pixel, (B, H, W). Raises `ValueError` if the error of the model has no map."""
        return model.reconstruction_error.map(model, x, model.decoder(model.encoder(x).mu))


@dataclass(frozen=True)
class KL(Score):
    """KL divergence of the posterior from the prior, in nats."""

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,)."""
        return model.prior.kl(model.encoder(x), noise.within("kl"))
