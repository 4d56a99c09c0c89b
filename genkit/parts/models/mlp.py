"""Fully connected autoencoder of the published experiments in two dimensions.

    encoder   Linear - ReLU, `layers` times Linear - ReLU, Linear -> mu, logvar
    decoder   Linear - ReLU, `layers` times Linear - ReLU, Linear, linear output

Daniel & Tamar 2021, "Soft-IntroVAE", <https://arxiv.org/abs/2012.13253>. The sizes are those of soft_intro_vae_2d in
<https://github.com/taldatech/soft-intro-vae-pytorch>.

Deviations from the published code:

- The log-variance is clamped (`genkit.core.layers.posterior`).
- The decoder has no `loggamma`, a parameter that no published loss reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated

from torch import Tensor, nn

from genkit.api import Autoencoder, Doc, NonNegativeInt, PositiveInt, Posterior, outputs_of


class MLP(Autoencoder):
    """Fully connected autoencoder of points; it flattens samples of other shapes, such as images."""

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 2,
        width: Annotated[PositiveInt, Doc("Number of units in each hidden layer of both networks.")] = 256,
        layers: Annotated[NonNegativeInt, Doc("Number of hidden layers after the first one, in both networks.")] = 3,
        data_shape: tuple[int, ...],
    ) -> None:
        size = prod(data_shape)
        encoder = nn.Sequential(nn.Flatten(), *perceptron(size, 2 * latent_dim, width, layers), Posterior())
        decoder = nn.Sequential(*perceptron(latent_dim, size, width, layers), nn.Unflatten(1, tuple(data_shape)))
        super().__init__(encoder, decoder, latent_dim, data_shape)

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return the output of each hidden layer of the encoder, (B, *data_shape) -> (B, width) each."""
        return outputs_of(nn.ReLU, self.encoder.children(), x)


def perceptron(inputs: int, outputs: int, width: int, layers: int) -> list[nn.Module]:
    """Return the layers of a perceptron, (B, inputs) -> (B, outputs), with 1 + `layers` hidden layers."""
    hidden: list[nn.Module] = [nn.Linear(inputs, width), nn.ReLU(inplace=True)]
    for _ in range(layers):
        hidden += [nn.Linear(width, width), nn.ReLU(inplace=True)]
    return [*hidden, nn.Linear(width, outputs)]
