"""A convolutional autoencoder small enough to learn digits on a CPU in minutes.

    encoder   for each of `channels`: Conv3x3 of stride 2 - norm - ReLU;  Linear-ReLU, Linear -> mu, logvar
    decoder   Linear-ReLU, Linear-ReLU;  for each of `channels`, backwards: nearest x2, Conv3x3 - norm - ReLU

The last convolution of the decoder has neither norm nor ReLU: the output is linear and never clamped, as the Gaussian
decoder of every loss here asks. Nearest-neighbour upsampling with a convolution leaves no checkerboard (Odena et al.
2016, https://doi.org/10.23915/distill.00003), and has a deterministic gradient. The norms: `genkit.core.layers.norm`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from genkit.core.field_types import PositiveInt
from genkit.core.layers.linear import Linear
from genkit.core.layers.norm import Norm, norm_layer
from genkit.core.layers.posterior import Posterior
from genkit.core.layers.shapes import smallest_map
from genkit.core.model import Autoencoder


class SmallConv(Autoencoder):
    """A convolutional autoencoder of small images, of any number of channels, square or not.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on
    hidden: units of the fully connected layer between the smallest map and the latent code, in both networks
    norm: after each hidden convolution; see `genkit.core.layers.norm`

    Raises `ValueError` for anything but images, and for sides that cannot be halved once for each of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 16,
        channels: tuple[PositiveInt, ...] = (16, 64),
        hidden: PositiveInt = 128,
        norm: Norm = "group",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        features = smallest[0] * smallest[1] * smallest[2]
        encoder = nn.Sequential(
            *_downwards(data_shape[0], channels, norm),
            nn.Flatten(),
            *(Linear(features, hidden), nn.ReLU()),
            Linear(hidden, 2 * latent_dim),
            Posterior(),
        )
        decoder = nn.Sequential(
            *(Linear(latent_dim, hidden), nn.ReLU()),
            *(Linear(hidden, features), nn.ReLU()),
            nn.Unflatten(1, smallest),
            *_upwards(data_shape[0], channels, norm),
        )
        super().__init__(encoder, decoder, latent_dim, data_shape)


def _downwards(colours: int, channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise((colours, *channels)):
        yield from _block(inputs, outputs, norm, stride=2)


def _upwards(colours: int, channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise(reversed(channels)):
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield from _block(inputs, outputs, norm, stride=1)
    yield nn.Upsample(scale_factor=2, mode="nearest")
    yield nn.Conv2d(channels[0], colours, 3, padding=1)


def _block(inputs: int, outputs: int, norm: Norm, stride: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=norm == "none")
    if norm != "none":  # an identity would count in the names of the weights that follow
        yield norm_layer(norm, outputs)
    yield nn.ReLU()
