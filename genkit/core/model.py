"""Base classes of networks: `Model`, and its two common forms `Autoencoder` and `GAN`.

The children of a model are its parameter groups. A phase names the children that it updates, and each child has its
optimiser in ``[optimiser.CHILD]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from genkit.core.prior import Prior, StandardNormal
from genkit.core.squared_error import SquaredError
from genkit.core.types import DiagNormal, ReconstructionError


class Model(nn.Module, ABC):
    """Generative model of samples of shape `data_shape`, decoded from codes of dimension `latent_dim` (L).

    Its child `prior` is the law of the codes: that of ``[model.prior]``, or else N(0, I).
    """

    latent_dim: int
    data_shape: tuple[int, ...]
    prior: Prior

    @abstractmethod
    def sample(self, z: Tensor) -> Tensor:
        """Map codes z, (B, L), to samples, (B, *data_shape)."""

    def __getattr__(self, name: str) -> Tensor | nn.Module:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name != "prior":
                raise
            # N(0, I) has no tensors, so it need not be a child, and a constructor need not know of it.
            return vars(self).setdefault(name, StandardNormal(latent_dim=self.latent_dim))


class Autoencoder(Model):
    """Model with the children `encoder`, x -> `DiagNormal`, and `decoder`, (B, L) -> (B, *data_shape).

    `reconstruction_error` compares samples with outputs of the decoder, and says what these outputs are: samples, or
    their logits. `as_sample` is the only function that turns outputs into samples.
    """

    encoder: nn.Module
    decoder: nn.Module
    reconstruction_error: ReconstructionError = SquaredError()  # genkit sets that of the recipe, [model.error]

    def __init__(self, encoder: nn.Module, decoder: nn.Module, latent_dim: int, data_shape: tuple[int, ...]):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = latent_dim
        self.data_shape = tuple(data_shape)

    def sample(self, z: Tensor) -> Tensor:
        """Decode z, (B, L) -> (B, *data_shape)."""
        return self.as_sample(self.decoder(z))

    def reconstruct(self, x: Tensor) -> Tensor:
        """Decode the posterior mean of x, (B, *data_shape) -> (B, *data_shape)."""
        posterior: DiagNormal = self.encoder(x)
        return self.as_sample(self.decoder(posterior.mu))

    def error(self, x: Tensor, output: Tensor) -> Tensor:
        """Return the reconstruction error R(x, output) of each sample, (B, *data_shape) twice -> (B,).

        `output` is what the decoder returns, x a sample.
        """
        return self.reconstruction_error.of(self)(x, output)

    def as_sample(self, output: Tensor) -> Tensor:
        """Return the samples that outputs of the decoder stand for, (B, *data_shape)."""
        return output.sigmoid() if self.reconstruction_error.link == "sigmoid" else output

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return what the encoder computes from x on its way to the posterior, from the pixels on, each (B, ...).

        The second dimension of each level is that of the channels. A network that has features overrides this method;
        this one raises `ValueError`.
        """
        raise ValueError(
            f"{type(self).__name__} does not say what its features are. Implement Autoencoder.features, or use a "
            "network of genkit"
        )


class GAN(Model):
    """Model with the children `generator`, (B, L) -> (B, *data_shape), and `critic`, x -> (B,)."""

    generator: nn.Module
    critic: nn.Module

    def __init__(self, generator: nn.Module, critic: nn.Module, latent_dim: int, data_shape: tuple[int, ...]):
        super().__init__()
        self.generator = generator
        self.critic = critic
        self.latent_dim = latent_dim
        self.data_shape = tuple(data_shape)

    def sample(self, z: Tensor) -> Tensor:
        """Generate samples from z, (B, L) -> (B, *data_shape)."""
        return self.generator(z)


@contextmanager
def evaluating(model: Model) -> Iterator[None]:
    """Run the block in evaluation mode and without gradients, then restore the mode of each module."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
