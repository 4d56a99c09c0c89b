"""Importance-weighted estimate of the likelihood of samples.

    log p̂_M(x) = logsumexp_m[ log p(x|z_m) + log p(z_m) - log q(z_m|x) ] - log M,   z_m ~ q(z|x), m = 1..M

Its expectation is a lower bound of log p(x) that rises with M to log p(x); M = 1 is the evidence lower bound. Burda,
Grosse & Salakhutdinov 2016, https://arxiv.org/abs/1509.00519. Sums are in float64. Memory does not grow with M.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genkit.core.diag_normal import DiagNormal
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise

BLOCK = 64  # draws of a code that are made at a time


def log_likelihood(model: Autoencoder, x: Tensor, draws: int, variance: float | None, noise: Noise) -> Tensor:
    """Return log p̂_M(x) in nats with all constants, (B, *data_shape) -> (B,) float64, for M = `draws`.

    `variance` is that of the decoder, and None the variance that its reconstruction error implies. Raises `ValueError`
    if the error is no density.
    """
    q: DiagNormal = model.encoder(x)
    total = torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device)
    for start in range(0, draws, BLOCK):
        eps = noise.randn(f"codes-{start}", min(BLOCK, draws - start), model.latent_dim)
        for each in eps.unbind(dim=1):
            total = torch.logaddexp(total, _log_weight(model, x, q, each, variance))
    return total - math.log(draws)


def _log_weight(model: Autoencoder, x: Tensor, q: DiagNormal, eps: Tensor, variance: float | None) -> Tensor:
    """Return log p(x|z) + log p(z) - log q(z|x) at z = q.sample(eps), (B,) float64."""
    z = q.sample(eps)
    of_x = model.reconstruction_error.log_density(x, model.decoder(z), variance).double()
    of_code = -0.5 * (eps.double().square() + q.logvar.double() + math.log(2 * math.pi)).sum(dim=1)
    return of_x + model.prior.log_prob(z).double() - of_code
