"""Convolutional autoencoder that is small enough to learn digits on a CPU in minutes.

    encoder   for each entry of `channels`: Conv3x3 of stride 2 - norm - ReLU;  Linear - ReLU, Linear -> mu, logvar
    decoder   Linear - ReLU, Linear - ReLU;  for each entry of `channels`, in reverse: nearest x2, Conv3x3 - norm - ReLU

The last convolution of the decoder has neither norm nor ReLU: the output is linear and is never clamped, as the
Gaussian decoder of every loss requires. Nearest-neighbour upsampling before a convolution avoids checkerboard artefacts
(Odena et al. 2016, <https://doi.org/10.23915/distill.00003>), and its gradient is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Annotated

from torch import Tensor, nn

from genkit.api import Autoencoder, Doc, Norm, PositiveInt, Posterior, norm_layer, outputs_of, smallest_map


class SmallConv(Autoencoder):
    """Convolutional autoencoder for small images with any number of channels, square or not.

    Raises `ValueError` for data other than images, and for sides that cannot be halved once per entry of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 16,
        channels: Annotated[
            tuple[PositiveInt, ...], Doc("Numbers of channels after each halving of the sides, from the image on.")
        ] = (16, 64),
        hidden: Annotated[
            PositiveInt, Doc("Number of units between the smallest map and the latent code, in both networks.")
        ] = 128,
        norm: Annotated[Norm, Doc("Norm after each hidden convolution.")] = "group",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        features = smallest[0] * smallest[1] * smallest[2]
        encoder = nn.Sequential(
            *_encoder_layers(data_shape[0], channels, norm),
            nn.Flatten(),
            *(nn.Linear(features, hidden), nn.ReLU()),
            nn.Linear(hidden, 2 * latent_dim),
            Posterior(),
        )
        decoder = nn.Sequential(
            *(nn.Linear(latent_dim, hidden), nn.ReLU()),
            *(nn.Linear(hidden, features), nn.ReLU()),
            nn.Unflatten(1, smallest),
            *_decoder_layers(data_shape[0], channels, norm),
        )
        super().__init__(encoder, decoder, latent_dim, data_shape)

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return the maps after each hidden convolution of the encoder, (B, C, H, W) -> (B, C_l, H_l, W_l) each."""
        convolutions = takewhile(lambda layer: not isinstance(layer, nn.Flatten), self.encoder.children())
        return outputs_of(nn.ReLU, convolutions, x)


def _encoder_layers(image_channels: int, channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise((image_channels, *channels)):
        yield from _convolution_layers(inputs, outputs, norm, stride=2)


def _decoder_layers(image_channels: int, channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise(reversed(channels)):
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield from _convolution_layers(inputs, outputs, norm, stride=1)
    yield nn.Upsample(scale_factor=2, mode="nearest")
    yield nn.Conv2d(channels[0], image_channels, 3, padding=1)


def _convolution_layers(inputs: int, outputs: int, norm: Norm, stride: int) -> Iterator[nn.Module]:
    yield nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=norm == "none")
    if norm != "none":  # an identity would change the numbers in the names of the following weights
        yield norm_layer(norm, outputs)
    yield nn.ReLU()
