"""Terms of the evidence lower bound (ELBO), which all variational losses share. Values are in nats, one a sample."""

from __future__ import annotations

from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows


def negative_elbo(error: Tensor, kl: Tensor, beta_rec: float, beta_kl: float) -> Tensor:
    """Return the weighted negative ELBO, β_rec·R + β_kl·KL, (B,), from R and KL of shape (B,)."""
    return beta_rec * error + beta_kl * kl


def energy(model: Autoencoder, x: Tensor) -> Tensor:
    """Return KL(q(z|x) || prior) + R(x, D(μ(x))), the negative ELBO at the posterior mean, x -> (B,).

    R is the reconstruction error of the model. A KL that is estimated by draws has the same draws for every sample.
    """
    posterior = model.encoder(x)
    kl = model.prior.kl(posterior, same_for_all_rows("energy", x))
    return negative_elbo(model.error(x, model.decoder(posterior.mu)), kl, 1.0, 1.0)


def same_for_all_rows(source: str, like: Tensor) -> Noise:
    """Return noise with one row, for `Prior.kl` of samples that have no noise of their own.

    Draws (1, ...) have the device and the dtype of `like`.
    """
    return Noise(0, 0, source, Rows.all(1), like.device, like.dtype)
