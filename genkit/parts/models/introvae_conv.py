"""The residual autoencoder of IntroVAE, as Soft-IntroVAE and AS-IntroVAE train it on images.

    encoder   Conv5x5 - norm - LeakyReLU - AvgPool2;  for each further one of `channels`: Res - AvgPool2;  Res;  Linear
    decoder   Linear-ReLU;  for each of `channels`, backwards: Res - nearest x2;  Res;  Conv5x5, linear at the end
    Res       LeakyReLU( norm(Conv3x3( LeakyReLU(norm(Conv3x3(x))) )) + shortcut(x) )

The slope of every LeakyReLU is 0.2; the shortcut is the identity, or Conv1x1 where the number of channels changes.

Huang, Li, He, Sun & Tan 2018, "IntroVAE", https://arxiv.org/abs/1807.06358, in the form of Daniel & Tamar 2021,
https://arxiv.org/abs/2012.13253. Parameters, operations and order are those of train_soft_intro_vae.py in
https://github.com/taldatech/soft-intro-vae-pytorch with norm = "batch" and otherwise the defaults here.
https://github.com/hhb072/IntroVAE normalises the sum (`normalise`), and compared channels by identity (`shortcut`).

Weights from there: take off the ``module.`` that DataParallel leaves. Then, in both children,

    main.res_in_SIZE.NAME  ->  main.res_N.NAME      N = 0, 1, ... in the order of the network, which is SIZE falling in
                                                    the encoder and rising in the decoder
    conv_expand  ->  shortcut,   bn1  ->  norm1,   bn2  ->  norm2      within a block

and all other names are the same. Deviations: the log-variance is clamped (`genkit.core.layers.posterior`); the
default norm is GroupNorm; where there is none, the convolutions before its place have a bias; a decoder's first map is
what the encoder's last one is, whatever the size; there is no conditional form. Weights
start as torch's do, as published.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from genkit.core.field_types import PositiveInt
from genkit.core.layers.linear import Linear
from genkit.core.layers.norm import Norm, norm_layer
from genkit.core.layers.posterior import Posterior
from genkit.core.layers.shapes import smallest_map
from genkit.core.model import Autoencoder
from genkit.core.types import DiagNormal

Shortcut = Literal["where-channels-change", "also-above-256"]
Normalise = Literal["branch", "sum"]

SLOPE = 0.2  # of every LeakyReLU


class IntroVAEConv(Autoencoder):
    """The published convolutional autoencoder, for images of any number of channels, square or not.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on
    norm: see `genkit.core.layers.norm`; "batch" is the published one
    shortcut: where a residual block has a Conv1x1. "also-above-256": also between two equal entries of `channels` above
        256, as IntroVAE's published code made them from its command line
    normalise: what the second norm of a residual block normalises, the "branch" or, as in IntroVAE, the "sum"

    Raises `ValueError` for anything but images, and for sides that cannot be halved once for each of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 128,
        channels: tuple[PositiveInt, ...] = (64, 128, 256),
        norm: Norm = "group",
        shortcut: Shortcut = "where-channels-change",
        normalise: Normalise = "branch",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        blocks = Blocks(norm, shortcut, normalise)
        encoder = Encoder(_downwards(data_shape[0], channels, blocks), prod(smallest), latent_dim)
        decoder = Decoder(latent_dim, smallest, _upwards(data_shape[0], channels, blocks))
        super().__init__(encoder, decoder, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # which torch's stubs leave out


class Encoder(nn.Module):
    """Maps images, (B, C, H, W), to their posteriors."""

    def __init__(self, main: nn.Sequential, features: int, latent_dim: int) -> None:
        super().__init__()
        self.main = main
        self.fc = Linear(features, 2 * latent_dim)
        self.posterior = Posterior()

    def forward(self, x: Tensor) -> DiagNormal:
        """Return the Gaussians, mu and logvar each (B, L)."""
        maps = self.main(x.contiguous(memory_format=torch.channels_last))
        return self.posterior(self.fc(maps.flatten(1)))


class Decoder(nn.Module):
    """Maps latent codes, (B, L), to images."""

    def __init__(self, latent_dim: int, smallest: tuple[int, int, int], main: nn.Sequential) -> None:
        super().__init__()
        self.fc = nn.Sequential(Linear(latent_dim, prod(smallest)), nn.ReLU(inplace=True))
        self.smallest = smallest
        self.main = main

    def forward(self, z: Tensor) -> Tensor:
        """Return the images, (B, C, H, W)."""
        maps = self.fc(z).unflatten(1, self.smallest)
        return self.main(maps.contiguous(memory_format=torch.channels_last))


class Residual(nn.Module):
    """Two convolutions beside a shortcut, (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, *, convolved: bool, normalise: Normalise) -> None:
        super().__init__()
        bias = norm == "none"
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if convolved else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        self.norm1 = norm_layer(norm, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        self.norm2 = norm_layer(norm, outputs)
        self.normalises_sum = normalise == "sum"

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's maps."""
        branch = leaky_relu(self.norm1(self.conv1(x)), SLOPE, inplace=True)
        branch, shortcut = self.conv2(branch), self.shortcut(x)
        total = self.norm2(branch + shortcut) if self.normalises_sum else self.norm2(branch) + shortcut
        return leaky_relu(total, SLOPE, inplace=True)


@dataclass(frozen=True)
class Blocks:
    """Makes residual blocks of one kind."""

    norm: Norm
    shortcut: Shortcut
    normalise: Normalise

    def within(self, channels: int) -> Residual:
        """Return a block that stays at one entry of `channels`."""
        return Residual(channels, channels, self.norm, convolved=False, normalise=self.normalise)

    def between(self, inputs: int, outputs: int) -> Residual:
        """Return a block from one entry of `channels` to the next."""
        # `inputs is not outputs` of the published code: Python keeps one object for each number up to 256, and makes a
        # new one of each greater number that it reads.
        convolved = inputs != outputs or (self.shortcut == "also-above-256" and inputs > 256)
        return Residual(inputs, outputs, self.norm, convolved=convolved, normalise=self.normalise)


def _downwards(colours: int, channels: tuple[int, ...], blocks: Blocks) -> nn.Sequential:
    first, last = channels[0], channels[-1]
    main = nn.Sequential(
        nn.Conv2d(colours, first, 5, padding=2, bias=blocks.norm == "none"),
        norm_layer(blocks.norm, first),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.AvgPool2d(2),
    )
    for number, (inputs, outputs) in enumerate(pairwise(channels)):
        main.add_module(f"res_{number}", blocks.between(inputs, outputs))
        main.add_module(f"down_{number}", nn.AvgPool2d(2))
    main.add_module(f"res_{len(channels) - 1}", blocks.within(last))
    return main


def _upwards(colours: int, channels: tuple[int, ...], blocks: Blocks) -> nn.Sequential:
    first, last = channels[0], channels[-1]
    residuals = [blocks.within(last), *(blocks.between(*pair) for pair in pairwise(reversed(channels)))]
    main = nn.Sequential()
    for number, residual in enumerate(residuals):
        main.add_module(f"res_{number}", residual)
        main.add_module(f"up_{number}", nn.Upsample(scale_factor=2, mode="nearest"))
    main.add_module(f"res_{len(channels)}", blocks.within(first))
    main.add_module("predict", nn.Conv2d(first, colours, 5, padding=2))
    return main
