"""Residual autoencoder of IntroVAE, in the form that Soft-IntroVAE and AS-IntroVAE train on images.

    encoder   Conv5x5 - norm - LeakyReLU - AvgPool2;  for each later entry of `channels`: Res - AvgPool2;  Res;  Linear
    decoder   Linear - ReLU;  for each entry of `channels`, in reverse: Res - nearest x2;  Res;  Conv5x5, linear output
    Res       LeakyReLU( norm(Conv3x3( LeakyReLU(norm(Conv3x3(x))) )) + shortcut(x) )

Every LeakyReLU has slope 0.2. The shortcut is the identity, or a Conv1x1 where the number of channels changes.

Huang, Li, He, Sun & Tan 2018, "IntroVAE", <https://arxiv.org/abs/1807.06358>, in the form of Daniel & Tamar 2021,
"Soft-IntroVAE", <https://arxiv.org/abs/2012.13253>. With norm = "batch" and otherwise the defaults, the parameters, the
operations and their order are those of train_soft_intro_vae.py in <https://github.com/taldatech/soft-intro-vae-pytorch>.
<https://github.com/hhb072/IntroVAE> normalises the sum (key `normalise`) and compares channels by identity (key
`shortcut`).

Published weights fit after renaming, which `genkit convert` does: remove the prefix ``module.`` of DataParallel, then
rename in both children

    main.res_in_SIZE.NAME  ->  main.res_N.NAME      N = 0, 1, ... in the order of the network; SIZE falls in the encoder
                                                    and rises in the decoder
    conv_expand  ->  shortcut,   bn1  ->  norm1,   bn2  ->  norm2      within a block

All other names are the same. Weights are initialised by torch's defaults, as published.

Deviations from the published code:

- The log-variance is clamped (`genkit.core.layers.posterior`).
- The default norm is GroupNorm.
- With norm = "none", a convolution that a norm would follow has a bias.
- The first map of the decoder has the shape of the last map of the encoder, for every image size.
- There is no conditional form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from genkit.api import Autoencoder, DiagNormal, Doc, Norm, PositiveInt, Posterior, norm_layer, outputs_of, smallest_map

Shortcut = Literal["where-channels-change", "also-above-256"]
Normalise = Literal["branch", "sum"]

SLOPE = 0.2  # of every LeakyReLU


class IntroVAEConv(Autoencoder):
    """Published convolutional autoencoder, for images with any number of channels, square or not.

    Raises `ValueError` for data other than images, and for sides that cannot be halved once per entry of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 128,
        channels: Annotated[
            tuple[PositiveInt, ...], Doc("Numbers of channels after each halving of the sides, from the image on.")
        ] = (64, 128, 256),
        norm: Annotated[Norm, Doc('Norm after each hidden convolution; "batch" is the published one.')] = "group",
        shortcut: Annotated[
            Shortcut,
            Doc(
                'Residual blocks with a 1x1 convolution in the shortcut; "also-above-256" adds those between two equal '
                "entries of `channels` above 256, as the published code of IntroVAE does."
            ),
        ] = "where-channels-change",
        normalise: Annotated[
            Normalise,
            Doc('Input of the second norm in a block: "branch", or "sum" of branch and shortcut, as in IntroVAE.'),
        ] = "branch",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        blocks = BlockFactory(norm, shortcut, normalise)
        encoder = Encoder(_encoder_network(data_shape[0], channels, blocks), prod(smallest), latent_dim)
        decoder = Decoder(latent_dim, smallest, _decoder_network(data_shape[0], channels, blocks))
        super().__init__(encoder, decoder, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return the maps after each halving of the sides, (B, C, H, W) -> (B, C_l, H_l, W_l) each."""
        layers = self.encoder.get_submodule("main").children()
        return outputs_of(nn.AvgPool2d, layers, x.contiguous(memory_format=torch.channels_last))


class Encoder(nn.Module):
    """Network from images, (B, C, H, W), to their posteriors."""

    def __init__(self, main: nn.Sequential, features: int, latent_dim: int) -> None:
        super().__init__()
        self.main = main
        self.fc = nn.Linear(features, 2 * latent_dim)
        self.posterior = Posterior()

    def forward(self, x: Tensor) -> DiagNormal:
        """Return the Gaussians, mu and logvar each (B, L)."""
        maps = self.main(x.contiguous(memory_format=torch.channels_last))
        return self.posterior(self.fc(maps.flatten(1)))


class Decoder(nn.Module):
    """Network from latent codes, (B, L), to images."""

    def __init__(self, latent_dim: int, smallest: tuple[int, int, int], main: nn.Sequential) -> None:
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(latent_dim, prod(smallest)), nn.ReLU(inplace=True))
        self.smallest = smallest
        self.main = main

    def forward(self, z: Tensor) -> Tensor:
        """Return the images, (B, C, H, W)."""
        maps = self.fc(z).unflatten(1, self.smallest)
        return self.main(maps.contiguous(memory_format=torch.channels_last))


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut, (B, inputs, H, W) -> (B, outputs, H, W)."""

    def __init__(self, inputs: int, outputs: int, norm: Norm, *, projection: bool, normalise: Normalise) -> None:
        super().__init__()
        bias = norm == "none"
        self.shortcut = nn.Conv2d(inputs, outputs, 1, bias=False) if projection else nn.Identity()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias)
        self.norm1 = norm_layer(norm, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=bias)
        self.norm2 = norm_layer(norm, outputs)
        self.normalises_sum = normalise == "sum"

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the block."""
        branch = leaky_relu(self.norm1(self.conv1(x)), SLOPE, inplace=True)
        branch, shortcut = self.conv2(branch), self.shortcut(x)
        total = self.norm2(branch + shortcut) if self.normalises_sum else self.norm2(branch) + shortcut
        return leaky_relu(total, SLOPE, inplace=True)


@dataclass(frozen=True)
class BlockFactory:
    """Factory of residual blocks of one kind."""

    norm: Norm
    shortcut: Shortcut
    normalise: Normalise

    def within(self, channels: int) -> ResidualBlock:
        """Return a block that keeps the number of channels."""
        return ResidualBlock(channels, channels, self.norm, projection=False, normalise=self.normalise)

    def between(self, inputs: int, outputs: int) -> ResidualBlock:
        """Return a block from one entry of `channels` to the next."""
        # The published code asks `inputs is not outputs`. Python has one object for each integer up to 256, but makes
        # a new object for every greater integer that it parses.
        projection = inputs != outputs or (self.shortcut == "also-above-256" and inputs > 256)
        return ResidualBlock(inputs, outputs, self.norm, projection=projection, normalise=self.normalise)


def _encoder_network(image_channels: int, channels: tuple[int, ...], blocks: BlockFactory) -> nn.Sequential:
    first, last = channels[0], channels[-1]
    main = nn.Sequential(
        nn.Conv2d(image_channels, first, 5, padding=2, bias=blocks.norm == "none"),
        norm_layer(blocks.norm, first),
        nn.LeakyReLU(SLOPE, inplace=True),
        nn.AvgPool2d(2),
    )
    for number, (inputs, outputs) in enumerate(pairwise(channels)):
        main.add_module(f"res_{number}", blocks.between(inputs, outputs))
        main.add_module(f"down_{number}", nn.AvgPool2d(2))
    main.add_module(f"res_{len(channels) - 1}", blocks.within(last))
    return main


def _decoder_network(image_channels: int, channels: tuple[int, ...], blocks: BlockFactory) -> nn.Sequential:
    first, last = channels[0], channels[-1]
    residuals = [blocks.within(last), *(blocks.between(*pair) for pair in pairwise(reversed(channels)))]
    main = nn.Sequential()
    for number, residual in enumerate(residuals):
        main.add_module(f"res_{number}", residual)
        main.add_module(f"up_{number}", nn.Upsample(scale_factor=2, mode="nearest"))
    main.add_module(f"res_{len(channels)}", blocks.within(first))
    main.add_module("predict", nn.Conv2d(first, image_channels, 5, padding=2))
    return main
