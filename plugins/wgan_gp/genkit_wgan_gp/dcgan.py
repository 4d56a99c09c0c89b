"""Convolutional generator and critic without shortcuts, as the published WGAN-GP has them for digits.

    generator   Linear - norm - ReLU;  for each of `channels`, backwards: transposed Conv5x5 of stride 2 - norm - ReLU,
                the last with tanh instead
    critic      for each of `channels`: Conv5x5 of stride 2 - norm - LeakyReLU, the first without norm;  Linear

Odd sides are rounded up when they are halved, 28, 14, 7, 4, and the generator goes back the same way: so there is no
size that it does not take.

Radford, Metz & Chintala 2016, "DCGAN", https://arxiv.org/abs/1511.06434, in the form of Gulrajani et al. 2017,
https://arxiv.org/abs/1704.00028: gan_mnist.py, gan_cifar.py and gan_64x64.py of
https://github.com/igul222/improved_wgan_training. There, digits have 64, 128, 256 channels and no norm; CIFAR-10 twice
as many, and batch norm in the generator; 64x64 has 64, 128, 256, 512, batch norm, and layer norm in the critic.

Deviations:

- Images lie in [0, 1] (`genkit_wgan_gp.images`). The published digits do, too: their generator ends with a sigmoid,
  which is the same but for a factor of 2 before it, and their critic sees them as they are.
- Convolutions pad two pixels on each side; TensorFlow's pad one before and two after, and the generator is cut to size.
- A bias that does nothing is left out: before a norm, and at the end of the critic, where no loss sees it.
- The norm after the generator's Linear is of a channel, as for 64x64; that of CIFAR-10 is of each unit.
- Weights start as those of digits and CIFAR-10; for 64x64 they have a standard deviation of 0.02.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

import torch
from torch import nn

from genkit.api import GAN, Linear, Norm, PositiveInt, image_shape, norm_layer
from genkit_wgan_gp.images import CriticNorm, FromImage, ToImage, ToMaps, critic_norm_layer, started

SLOPE = 0.2  # of the critic's LeakyReLU

Size = tuple[int, int]


class DCGAN(GAN):
    """Convolutional generator and critic for images of any size and number of channels.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on
    norm: of the generator; "batch" is DCGAN's, and the published digits have "none"
    critic_norm: "layer", which does not mix samples, or "none"

    Raises `ValueError` for anything but images.
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 128,
        channels: tuple[PositiveInt, ...] = (64, 128, 256),
        norm: Norm = "batch",
        critic_norm: CriticNorm = "none",
        data_shape: tuple[int, ...],
    ) -> None:
        colours, height, width = image_shape(data_shape, channels)
        sizes = _halved((height, width), len(channels))
        smallest = (channels[-1], *sizes[-1])
        generator = nn.Sequential(
            started(Linear(latent_dim, prod(smallest)), rectified=False),
            ToMaps(smallest),
            *(norm_layer(norm, channels[-1]), nn.ReLU()),
            *_upwards(colours, channels, sizes, norm),
            ToImage(),
        )
        critic = nn.Sequential(
            FromImage(),
            *_downwards(colours, channels, critic_norm),
            nn.Flatten(),
            started(Linear(prod(smallest), 1, bias=False), rectified=False),
            nn.Flatten(0),
        )
        super().__init__(generator, critic, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # which torch's stubs leave out


def _halved(size: Size, times: int) -> list[Size]:
    """Return the size and what is left of it after each halving, rounded up."""
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def _upwards(colours: int, channels: tuple[int, ...], sizes: list[Size], norm: Norm) -> Iterator[nn.Module]:
    widths = (colours, *channels)
    for level in reversed(range(1, len(channels))):
        yield _doubled(widths[level + 1], widths[level], sizes[level + 1], sizes[level], bias=norm == "none")
        yield norm_layer(norm, widths[level])
        yield nn.ReLU()
    yield _doubled(channels[0], colours, sizes[1], sizes[0], bias=True)


def _doubled(inputs: int, outputs: int, small: Size, large: Size, *, bias: bool) -> nn.Module:
    """Return the transposed convolution from maps of one size to those of the other, twice as large or one less."""
    missing = (large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1))
    return started(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=missing, bias=bias))


def _downwards(colours: int, channels: tuple[int, ...], norm: CriticNorm) -> Iterator[nn.Module]:
    for number, (inputs, outputs) in enumerate(pairwise((colours, *channels))):
        yield started(nn.Conv2d(inputs, outputs, 5, 2, 2))
        if number:
            yield critic_norm_layer(norm, outputs)
        yield nn.LeakyReLU(SLOPE)
