"""Small models and batches for the tests of parts."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.global_generators import seeded_generators
from genkit.core.model import Autoencoder
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior, StandardNormal
from genkit.core.types import DiagNormal


def batch_of(
    x: Tensor,
    latent_dim: int,
    *,
    seed: int = 0,
    step: int = 0,
    t: float = 0.0,
    prior: Prior | None = None,
    targets: Mapping[str, nn.Module] | None = None,
) -> Batch:
    """Return the batch that the training loop makes from samples x, (B, *data_shape), with x's dtype and device.

    `prior` is that of the model, by default N(0, I). `targets` are the target networks by child.
    """
    noise = Noise(seed, step, "prior", Rows.all(len(x)), x.device, x.dtype)
    return Batch(x=x, t=t, noise=noise, targets=targets or {}, prior=prior or StandardNormal(latent_dim=latent_dim))


class _SmallEncoder(nn.Module):
    def __init__(self, size: int, latent_dim: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 2 * latent_dim))

    def forward(self, x: Tensor) -> DiagNormal:
        return DiagNormal(*self.net(x).chunk(2, dim=1))


def small_autoencoder(data_shape: tuple[int, ...], latent_dim: int, *, seed: int = 0) -> Autoencoder:
    """Return an autoencoder in float64 whose networks have one hidden layer of eight units."""
    with seeded_generators(seed):
        size = math.prod(data_shape)
        decoder = nn.Sequential(nn.Linear(latent_dim, 8), nn.Tanh(), nn.Linear(8, size), nn.Unflatten(1, data_shape))
        return Autoencoder(_SmallEncoder(size, latent_dim), decoder, latent_dim, data_shape).double()
