"""The residual networks of WGAN-GP on CIFAR-10, for images of other sizes too.

    generator   Linear;  for each of `channels`, backwards: Res that doubles the sides;  norm - ReLU - Conv3x3 - tanh
    critic      for each but the last of `channels`: Res that halves the sides;  two Res;  ReLU - mean over positions
                - Linear
    Res         shortcut(x) + Conv3x3( ReLU(norm(Conv3x3( ReLU(norm(x)) ))) )

Sides are doubled (nearest) before the first convolution of a block and halved (mean) after the second; where sides or
channels change, the shortcut is a Conv1x1. The critic's first block has no norm, and no ReLU before its first
convolution. Its maps are never smaller than twice the generator's first one: 8x8 of 32x32, as published.

Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, appendix F; gan_cifar_resnet.py of
https://github.com/igul222/improved_wgan_training, in its form without labels: three times 128 channels, batch norm in
the generator, no norm in the critic. Deviations:

- Images lie in [0, 1] (`genkit_wgan_gp.images`).
- A bias that does nothing is left out: where norms follow on every way, in a shortcut beside a convolution with a bias
  of its own, and at the end of the critic, where no loss sees it. A Conv1x1 stands where the maps are smaller; it
  commutes with the change of the sides, so the function is the same.
- The generator is trained on a batch as large as the critic's, the published one on twice that; and data are shown as
  they are, without noise of the size of a step between two grey values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from genkit.api import GAN, Linear, Norm, PositiveInt, norm_layer, smallest_map
from genkit_wgan_gp.images import CriticNorm, FromImage, ToImage, ToMaps, critic_norm_layer, started

Resample = Literal["up", "down", "keep"]


class ResNetGAN(GAN):
    """Residual generator and critic for images of any number of channels, square or not.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on; the critic leaves out the last halving
    norm: of the generator; "batch" is the published one
    critic_norm: "layer", which does not mix samples, or "none"

    Raises `ValueError` for anything but images, and for sides that cannot be halved once for each of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 128,
        channels: tuple[PositiveInt, ...] = (128, 128, 128),
        norm: Norm = "batch",
        critic_norm: CriticNorm = "none",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        if len(channels) == 1:
            raise ValueError(
                f"channels = {list(channels)} is one number; the critic needs two or more, such as [64, 128]"
            )
        colours = data_shape[0]
        generator = nn.Sequential(
            started(Linear(latent_dim, prod(smallest)), rectified=False),
            ToMaps(smallest),
            *_upwards(channels, norm),
            *(norm_layer(norm, channels[0]), nn.ReLU()),
            started(nn.Conv2d(channels[0], colours, 3, padding=1), rectified=False),
            ToImage(),
        )
        critic = nn.Sequential(
            FromImage(),
            FirstResidual(colours, channels[0]),
            *_downwards(channels, critic_norm),
            *(nn.ReLU(), PositionMean()),
            started(Linear(channels[-1], 1, bias=False), rectified=False),
            nn.Flatten(0),
        )
        super().__init__(generator, critic, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # which torch's stubs leave out


class Residual(nn.Module):
    """Two convolutions beside a shortcut, (B, inputs, H, W) -> (B, outputs, H', W')."""

    def __init__(
        self, inputs: int, outputs: int, resample: Resample, norm_of: Callable[[int], nn.Module], *, bias: bool
    ) -> None:
        super().__init__()
        hidden = inputs if resample == "down" else outputs
        self.up = nn.Upsample(scale_factor=2, mode="nearest") if resample == "up" else nn.Identity()
        self.down = nn.AvgPool2d(2) if resample == "down" else nn.Identity()
        self.norm1, self.norm2 = norm_of(inputs), norm_of(hidden)
        self.conv1 = started(nn.Conv2d(inputs, hidden, 3, padding=1, bias=bias))
        self.conv2 = started(nn.Conv2d(hidden, outputs, 3, padding=1, bias=bias))
        kept = inputs == outputs and resample == "keep"
        self.shortcut = nn.Identity() if kept else started(nn.Conv2d(inputs, outputs, 1, bias=False), rectified=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's maps."""
        branch = self.conv1(self.up(self.norm1(x).relu()))
        branch = self.down(self.conv2(self.norm2(branch).relu()))
        return self.up(self.shortcut(self.down(x))) + branch


class FirstResidual(nn.Module):
    """The critic's first block, on images: (B, colours, H, W) -> (B, outputs, H/2, W/2)."""

    def __init__(self, colours: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = started(nn.Conv2d(colours, outputs, 3, padding=1))
        self.conv2 = started(nn.Conv2d(outputs, outputs, 3, padding=1))
        self.down = nn.AvgPool2d(2)
        self.shortcut = started(nn.Conv2d(colours, outputs, 1, bias=False), rectified=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's maps."""
        return self.shortcut(self.down(x)) + self.down(self.conv2(self.conv1(x).relu()))


class PositionMean(nn.Module):
    """The mean over positions, (B, C, H, W) -> (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the means."""
        return x.mean(dim=(2, 3))


def _upwards(channels: tuple[int, ...], norm: Norm) -> Iterator[nn.Module]:
    for inputs, outputs in pairwise((channels[-1], *reversed(channels))):
        yield Residual(inputs, outputs, "up", partial(norm_layer, norm), bias=norm == "none")


def _downwards(channels: tuple[int, ...], norm: CriticNorm) -> Iterator[nn.Module]:
    norm_of = partial(critic_norm_layer, norm)
    for inputs, outputs in pairwise(channels[:-1]):
        yield Residual(inputs, outputs, "down", norm_of, bias=True)
    for inputs, outputs in pairwise((*channels[-2:], channels[-1])):
        yield Residual(inputs, outputs, "keep", norm_of, bias=True)
