"""Residual networks of WGAN-GP on CIFAR-10, for images of other sizes too.

    generator   Linear;  for each entry of `channels`, in reverse: Res that doubles the sides;  norm - ReLU - Conv3x3 -
                tanh
    critic      for each entry of `channels` but the last: Res that halves the sides;  two Res;  ReLU - mean over
                positions - Linear
    Res         shortcut(x) + Conv3x3( ReLU(norm(Conv3x3( ReLU(norm(x)) ))) )

Sides are doubled (nearest) before the first convolution of a block, and halved (mean) after the second. The shortcut is
a Conv1x1 where the sides or the number of channels change. The first block of the critic has no norm, and no ReLU
before its first convolution. The smallest maps of the critic have twice the sides of the first map of the generator:
8x8 for 32x32 images, as published.

Gulrajani et al. 2017, <https://arxiv.org/abs/1704.00028>, appendix F; gan_cifar_resnet.py of
<https://github.com/igul222/improved_wgan_training> without labels: 128 channels three times, batch norm in the
generator, no norm in the critic.

Deviations:

- Images have values in [0, 1] (`genkit_wgan_gp.images`).
- Biases without effect are left out: where a norm follows on every path, in a shortcut next to a convolution with a
  bias, and at the output of the critic. A Conv1x1 is applied where the maps are smaller; it commutes with the change of
  the sides, so the function is the same.
- The batch of the generator is as large as that of the critic; the published one is twice as large. Images are used as
  they are, without noise of the size of one grey level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import prod
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from genkit.api import GAN, Doc, Norm, PositiveInt, norm_layer, smallest_map
from genkit_wgan_gp.images import CriticNorm, FromImage, ToImage, ToMaps, critic_norm_layer, initialise

Resample = Literal["up", "down", "keep"]


class ResNetGAN(GAN):
    """Residual generator and critic for images with any number of channels, square or not.

    Raises `ValueError` for data other than images, for sides that cannot be halved once per entry of `channels`, and
    for fewer than two entries.
    """

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 128,
        channels: Annotated[
            tuple[PositiveInt, ...],
            Doc(
                "Numbers of channels after each halving of the sides, from the image on, at least two; the critic "
                "omits the last halving."
            ),
        ] = (128, 128, 128),
        norm: Annotated[Norm, Doc('Norm of the generator; "batch" is the published one.')] = "batch",
        critic_norm: Annotated[
            CriticNorm, Doc('Norm of the critic: "none", or "layer", which does not mix the samples of a batch.')
        ] = "none",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        if len(channels) == 1:
            raise ValueError(
                f"channels = {list(channels)} has one entry, and the critic needs at least two, such as [64, 128]"
            )
        image_channels = data_shape[0]
        generator = nn.Sequential(
            initialise(nn.Linear(latent_dim, prod(smallest)), rectified=False),
            ToMaps(smallest),
            *_generator_blocks(channels, norm),
            *(norm_layer(norm, channels[0]), nn.ReLU()),
            initialise(nn.Conv2d(channels[0], image_channels, 3, padding=1), rectified=False),
            ToImage(),
        )
        critic = nn.Sequential(
            FromImage(),
            FirstBlock(image_channels, channels[0]),
            *_critic_blocks(channels, critic_norm),
            *(nn.ReLU(), PositionMean()),
            initialise(nn.Linear(channels[-1], 1, bias=False), rectified=False),
            nn.Flatten(0),
        )
        super().__init__(generator, critic, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, (B, inputs, H, W) -> (B, outputs, H', W')."""

    def __init__(
        self, inputs: int, outputs: int, resample: Resample, make_norm: Callable[[int], nn.Module], *, bias: bool
    ) -> None:
        super().__init__()
        hidden = inputs if resample == "down" else outputs
        self.up = nn.Upsample(scale_factor=2, mode="nearest") if resample == "up" else nn.Identity()
        self.down = nn.AvgPool2d(2) if resample == "down" else nn.Identity()
        self.norm1, self.norm2 = make_norm(inputs), make_norm(hidden)
        self.conv1 = initialise(nn.Conv2d(inputs, hidden, 3, padding=1, bias=bias))
        self.conv2 = initialise(nn.Conv2d(hidden, outputs, 3, padding=1, bias=bias))
        same_shape = inputs == outputs and resample == "keep"
        self.shortcut = (
            nn.Identity() if same_shape else initialise(nn.Conv2d(inputs, outputs, 1, bias=False), rectified=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the block."""
        branch = self.conv1(self.up(self.norm1(x).relu()))
        branch = self.down(self.conv2(self.norm2(branch).relu()))
        return self.up(self.shortcut(self.down(x))) + branch


class FirstBlock(nn.Module):
    """First block of the critic, (B, image_channels, H, W) -> (B, outputs, H/2, W/2)."""

    def __init__(self, image_channels: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = initialise(nn.Conv2d(image_channels, outputs, 3, padding=1))
        self.conv2 = initialise(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.down = nn.AvgPool2d(2)
        self.shortcut = initialise(nn.Conv2d(image_channels, outputs, 1, bias=False), rectified=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the block."""
        return self.shortcut(self.down(x)) + self.down(self.conv2(self.conv1(x).relu()))


class PositionMean(nn.Module):
    """Mean over positions, (B, C, H, W) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return x.mean(dim=(2, 3))


def _generator_blocks(channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise((channels[-1], *reversed(channels))):
        yield ResidualBlock(inputs, outputs, "up", partial(norm_layer, norm), bias=norm == "none")


def _critic_blocks(channels: tuple[int, ...], norm: CriticNorm) -> Iterator[nn.Module]:
    make_norm = partial(critic_norm_layer, norm)
    for inputs, outputs in pairwise(channels[:-1]):
        yield ResidualBlock(inputs, outputs, "down", make_norm, bias=True)
    for inputs, outputs in pairwise((*channels[-2:], channels[-1])):
        yield ResidualBlock(inputs, outputs, "keep", make_norm, bias=True)
