"""A convolutional autoencoder small enough to learn digits on a CPU in minutes.

    encoder   for each of `channels`: Conv3x3 of stride 2 - norm - ReLU;  Linear-ReLU, Linear -> mu, logvar
    decoder   Linear-ReLU, Linear-ReLU;  for each of `channels`, backwards: nearest x2, Conv3x3 - norm - ReLU

The last convolution of the decoder has neither norm nor ReLU: the output is linear and never clamped, as the Gaussian
decoder of every loss here asks. Nearest-neighbour upsampling with a convolution leaves no checkerboard (Odena et al.
2016, https://doi.org/10.23915/distill.00003), and has a deterministic gradient. The default norm is GroupNorm (Wu & He
2018, https://arxiv.org/abs/1803.08494), which knows neither batches nor running statistics: training and evaluation,
one process and many, compute the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from torch import nn

from genkit.fields import Count
from genkit.model import Autoencoder
from genkit.models.linear import Linear
from genkit.models.posterior import Posterior

Norm = Literal["group", "none"]

GROUP = 8  # channels that are normalised together


class SmallConv(Autoencoder):
    """A convolutional autoencoder of small images, of any number of channels, square or not.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on
    hidden: units of the fully connected layer between the smallest map and the latent code, in both networks
    norm: "group" for GroupNorm, in groups of eight channels, after each hidden convolution; or "none"

    Raises `ValueError` for anything but images, and for sides that cannot be halved once for each of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: Count = 16,
        channels: tuple[Count, ...] = (16, 64),
        hidden: Count = 128,
        norm: Norm = "group",
        data_shape: tuple[int, ...],
    ) -> None:
        if not channels:
            raise ValueError("channels is empty; it needs one number for each halving of the sides, such as [16, 64]")
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


def smallest_map(data_shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape (C, H, W) that images have after one halving for each of `channels`; or raise `ValueError`."""
    if len(data_shape) != 3:
        raise ValueError(f"takes images (C, H, W), and the data have the shape {tuple(data_shape)}")
    factor = 2 ** len(channels)
    height, width = data_shape[1:]
    if height % factor or width % factor:
        raise ValueError(
            f"images of {height}x{width} (height x width) cannot be halved {len(channels)} times, once for each of "
            f"channels = {list(channels)}; the nearest sizes that can are {_nearest(height, width, factor)}"
        )
    return channels[-1], height // factor, width // factor


def _nearest(height: int, width: int, factor: int) -> str:
    """Return the sizes next to height x width whose sides are multiples of `factor`, the smaller first."""
    below = [max(side // factor, 1) * factor for side in (height, width)]
    above = [-(-side // factor) * factor for side in (height, width)]
    return " and ".join(dict.fromkeys(f"{h}x{w}" for h, w in (below, above)))


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
    # The norm subtracts the mean of its group and adds a bias of its own, so one before it has next to nothing to do.
    yield nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=norm == "none")
    if norm == "group":
        yield nn.GroupNorm(outputs // GROUP if outputs % GROUP == 0 else 1, outputs)
    yield nn.ReLU()
