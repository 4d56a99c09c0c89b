"""The fully connected autoencoder of the published experiments in two dimensions.

    Linear-ReLU, `layers` times Linear-ReLU, Linear

for the encoder, whose 2L outputs are mu and logvar, and for the decoder, whose output is linear.

Daniel & Tamar 2021, https://arxiv.org/abs/2012.13253; the sizes are those of soft_intro_vae_2d in
https://github.com/taldatech/soft-intro-vae-pytorch. Deviations: logvar is clamped (see `genkit.core.layers.posterior`),
and the decoder has no `loggamma`, a parameter that no loss there reads.
"""

from __future__ import annotations

from math import prod

from torch import nn

from genkit.core.field_types import NonNegativeInt, PositiveInt
from genkit.core.layers.linear import Linear
from genkit.core.layers.posterior import Posterior
from genkit.core.model import Autoencoder


class MLP(Autoencoder):
    """A fully connected autoencoder of points; samples of other shapes, such as images, are flattened.

    latent_dim: L, the dimension of the prior
    width: units of each hidden layer, of both networks
    layers: hidden layers after the first, of both networks
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 2,
        width: PositiveInt = 256,
        layers: NonNegativeInt = 3,
        data_shape: tuple[int, ...],
    ) -> None:
        size = prod(data_shape)
        encoder = nn.Sequential(nn.Flatten(), *perceptron(size, 2 * latent_dim, width, layers), Posterior())
        decoder = nn.Sequential(*perceptron(latent_dim, size, width, layers), nn.Unflatten(1, tuple(data_shape)))
        super().__init__(encoder, decoder, latent_dim, data_shape)


def perceptron(inputs: int, outputs: int, width: int, layers: int) -> list[nn.Module]:
    """Return the layers of a perceptron, (B, inputs) -> (B, outputs), with `layers` hidden ones after the first."""
    hidden: list[nn.Module] = [Linear(inputs, width), nn.ReLU(inplace=True)]
    for _ in range(layers):
        hidden += [Linear(width, width), nn.ReLU(inplace=True)]
    return [*hidden, Linear(width, outputs)]
