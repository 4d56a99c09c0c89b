"""Small models and batches for the tests of parts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.condition import LABEL
from genkit.core.diag_normal import DiagNormal
from genkit.core.global_generators import seeded_generators
from genkit.core.model import GAN, Autoencoder, Model
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior, StandardNormal


def batch_of(
    x: Tensor,
    latent_dim: int,
    *,
    seed: int = 0,
    step: int = 0,
    t: float = 0.0,
    prior: Prior | None = None,
    targets: Mapping[str, nn.Module] | None = None,
    extra: Mapping[str, Tensor] | None = None,
) -> Batch:
    """Return the batch that the training loop makes from samples x, (B, *data_shape), with x's dtype and device.

    `prior` is that of the model, by default N(0, I). `targets` are the target networks by child. `extra` has the label
    of each sample, (B,) int64, for a conditional model.
    """
    noise = Noise(seed, step, "prior", Rows.all(len(x)), x.device, x.dtype)
    prior = prior or StandardNormal(latent_dim=latent_dim)
    return Batch(x=x, t=t, noise=noise, targets=targets or {}, prior=prior, extra=extra or {})


def batch_for(model: Model, rows: int = 8) -> Batch:
    """Return a batch of uniform samples for a model, with a class for each sample if the model is conditional."""
    weight = next(model.parameters())
    noise = Noise(0, 0, "samples", Rows.all(rows), weight.device, weight.dtype)
    classes = model.condition_classes
    extra = {} if classes is None else {LABEL: torch.arange(rows, device=weight.device) % classes}
    return batch_of(noise.rand("x", *model.data_shape), model.latent_dim, prior=model.prior, extra=extra)


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


def small_gan(data_shape: tuple[int, ...], latent_dim: int, *, seed: int = 0) -> GAN:
    """Return a GAN in float64 whose networks have one hidden layer of eight units."""
    with seeded_generators(seed):
        size = math.prod(data_shape)
        generator = nn.Sequential(nn.Linear(latent_dim, 8), nn.Tanh(), nn.Linear(8, size), nn.Unflatten(1, data_shape))
        critic = nn.Sequential(nn.Flatten(), nn.Linear(size, 8), nn.Tanh(), nn.Linear(8, 1), nn.Flatten(0))
        return GAN(generator, critic, latent_dim, data_shape).double()
