"""Convolutional generator and critic without shortcuts, as published for WGAN-GP on digits.

    generator   Linear - norm - ReLU;  for each entry of `channels`, in reverse: transposed Conv5x5 of stride 2 - norm -
                ReLU, and tanh instead of norm - ReLU in the last one
    critic      for each entry of `channels`: Conv5x5 of stride 2 - norm - LeakyReLU, the first without norm;  Linear

Halving rounds odd sides up, for example 28, 14, 7, 4, and the generator goes through the same sizes in reverse. So
every image size works.

Radford, Metz & Chintala 2016, "DCGAN", <https://arxiv.org/abs/1511.06434>, in the form of Gulrajani et al. 2017,
<https://arxiv.org/abs/1704.00028>: gan_mnist.py, gan_cifar.py and gan_64x64.py of
<https://github.com/igul222/improved_wgan_training>. There, the networks for digits have 64, 128, 256 channels and no
norm; those for CIFAR-10 have twice as many channels, and batch norm in the generator; those for 64x64 have 64, 128,
256, 512 channels, batch norm in the generator, and layer norm in the critic.

Deviations:

- Images have values in [0, 1] (`genkit_wgan_gp.images`). So have the published digits: their generator ends with a
  sigmoid, which is the same except for a factor of 2 before it, and their critic sees the images unchanged.
- Convolutions pad two pixels on each side. TensorFlow pads one before and two after, and crops in the generator.
- Biases without effect are left out: before a norm, and at the output of the critic.
- The norm after the Linear layer of the generator acts on channels, as for 64x64; that of CIFAR-10 acts on each unit.
- Initial weights are those for digits and CIFAR-10; for 64x64 the published ones have a standard deviation of 0.02.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod
from typing import Annotated

import torch
from torch import nn

from genkit.api import GAN, Doc, Norm, PositiveInt, image_shape, norm_layer
from genkit_wgan_gp.images import CriticNorm, FromImage, ToImage, ToMaps, critic_norm_layer, initialise

SLOPE = 0.2  # of the critic's LeakyReLU

Size = tuple[int, int]


class DCGAN(GAN):
    """Convolutional generator and critic for images of any size and number of channels.

    Raises `ValueError` for data other than images.
    """

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 128,
        channels: Annotated[
            tuple[PositiveInt, ...],
            Doc("Numbers of channels after each halving of the sides, from the image on; odd sides are rounded up."),
        ] = (64, 128, 256),
        norm: Annotated[Norm, Doc('Norm of the generator; published are "batch", and for digits "none".')] = "batch",
        critic_norm: Annotated[
            CriticNorm, Doc('Norm of the critic: "none", or "layer", which does not mix the samples of a batch.')
        ] = "none",
        data_shape: tuple[int, ...],
    ) -> None:
        image_channels, height, width = image_shape(data_shape, channels)
        sizes = _halved((height, width), len(channels))
        smallest = (channels[-1], *sizes[-1])
        generator = nn.Sequential(
            initialise(nn.Linear(latent_dim, prod(smallest)), rectified=False),
            ToMaps(smallest),
            *(norm_layer(norm, channels[-1]), nn.ReLU()),
            *_generator_layers(image_channels, channels, sizes, norm),
            ToImage(),
        )
        critic = nn.Sequential(
            FromImage(),
            *_critic_layers(image_channels, channels, critic_norm),
            nn.Flatten(),
            initialise(nn.Linear(prod(smallest), 1, bias=False), rectified=False),
            nn.Flatten(0),
        )
        super().__init__(generator, critic, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs


def _halved(size: Size, times: int) -> list[Size]:
    """Return the size, and its size after each halving, rounded up."""
    sizes = [size]
    for _ in range(times):
        height, width = sizes[-1]
        sizes.append((-(-height // 2), -(-width // 2)))
    return sizes


def _generator_layers(
    image_channels: int, channels: tuple[int, ...], sizes: list[Size], norm: Norm
) -> Iterator[nn.Module]:
    widths = (image_channels, *channels)
    for level in reversed(range(1, len(channels))):
        yield _doubling(widths[level + 1], widths[level], sizes[level + 1], sizes[level], bias=norm == "none")
        yield norm_layer(norm, widths[level])
        yield nn.ReLU()
    yield _doubling(channels[0], image_channels, sizes[1], sizes[0], bias=True)


def _doubling(inputs: int, outputs: int, small: Size, large: Size, *, bias: bool) -> nn.Module:
    """Return a transposed convolution from maps of size `small` to `large`, with sides 2·small or 2·small - 1."""
    missing = (large[0] - (2 * small[0] - 1), large[1] - (2 * small[1] - 1))
    return initialise(nn.ConvTranspose2d(inputs, outputs, 5, 2, 2, output_padding=missing, bias=bias))


def _critic_layers(image_channels: int, channels: tuple[int, ...], norm: CriticNorm) -> Iterator[nn.Module]:
    for number, (inputs, outputs) in enumerate(pairwise((image_channels, *channels))):
        yield initialise(nn.Conv2d(inputs, outputs, 5, 2, 2))
        if number:
            yield critic_norm_layer(norm, outputs)
        yield nn.LeakyReLU(SLOPE)
