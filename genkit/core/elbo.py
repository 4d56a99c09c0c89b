"""Terms of the evidence lower bound (ELBO), which all variational losses share. Values are in nats, one a sample."""

from __future__ import annotations

from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.core.types import DiagNormal


def kl_to_prior(q: DiagNormal) -> Tensor:
    """Return KL(q || N(0, I)) in nats, (B, L) -> (B,).

    ½ Σ_d (μ² + σ² - 1 - log σ²): Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114.
    """
    return 0.5 * (q.mu.square() + q.logvar.exp() - 1 - q.logvar).sum(dim=1)


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Return Σ (x - y)² over all dimensions but the first, (B, ...) -> (B,).

    Up to a constant this is -log p(x | z) of a Gaussian decoder with variance ½.
    """
    return (x - y).square().flatten(1).sum(dim=1)


def negative_elbo(error: Tensor, kl: Tensor, beta_rec: float, beta_kl: float) -> Tensor:
    """Return the weighted negative ELBO, β_rec·R + β_kl·KL, (B,), from R and KL of shape (B,)."""
    return beta_rec * error + beta_kl * kl


def energy(model: Autoencoder, x: Tensor) -> Tensor:
    """Return KL(q(z|x) || N(0, I)) + R(x, D(μ(x))) in nats, the negative ELBO at the posterior mean, x -> (B,)."""
    posterior = model.encoder(x)
    return negative_elbo(squared_error(x, model.decoder(posterior.mu)), kl_to_prior(posterior), 1.0, 1.0)
