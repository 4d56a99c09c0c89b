"""Residual autoencoder for images with current layers, at about as many operations as `introvae-conv`.

    encoder   2x2 pixels to one;  Conv3x3;  for each entry of `channels`: `encoder_blocks` times Res;  norm - SiLU;
              Linear
    decoder   Linear;  for each entry of `channels`, in reverse: `decoder_blocks` times Res;  norm - SiLU;  Conv3x3;
              one pixel to 2x2
    Res       x + Conv3x3( SiLU(norm(Conv3x3( SiLU(norm(x)) ))) )

Between two entries of `channels` the encoder has a Conv2x2 of stride 2, and the decoder a Conv1x1 and nearest x2.

Differences from `introvae-conv`, with their reasons:

- The norm of a block comes before its activation, and the sum is not normalised: the identity runs from end to end (He
  et al. 2016, <https://arxiv.org/abs/1603.05027>). SiLU is smooth (Ramachandran et al. 2017,
  <https://arxiv.org/abs/1710.05941>).
- Nothing is computed at full resolution, where the decoder of `introvae-conv` spends three fifths of its operations on
  digits. Pixels are moved into channels and back (Shi et al. 2016, <https://arxiv.org/abs/1609.05158>), and more blocks
  use the operations that are saved. The weights of the four pixels of a position start equal, so the network does not
  start with a checkerboard pattern (Aitken et al. 2017, <https://arxiv.org/abs/1707.02937>).
- The first map of the decoder has no ReLU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from genkit.api import Autoencoder, Doc, Norm, PositiveInt, Posterior, norm_layer, smallest_map


class ModernConv(Autoencoder):
    """Residual autoencoder for images with any number of channels, square or not.

    Raises `ValueError` for data other than images, and for sides that cannot be halved once per entry of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 128,
        channels: Annotated[
            tuple[PositiveInt, ...], Doc("Numbers of channels after each halving of the sides, from the image on.")
        ] = (64, 128, 256),
        encoder_blocks: Annotated[
            PositiveInt, Doc("Number of residual blocks for each entry of `channels` in the encoder.")
        ] = 2,
        decoder_blocks: Annotated[
            PositiveInt, Doc("Number of residual blocks for each entry of `channels` in the decoder.")
        ] = 3,
        norm: Annotated[Norm, Doc("Norm in each residual block, and before the last layer of each network.")] = "group",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        image_channels, first, last = data_shape[0], channels[0], channels[-1]
        encoder = nn.Sequential(
            *(nn.PixelUnshuffle(2), ChannelsLast()),
            nn.Conv2d(4 * image_channels, first, 3, padding=1, bias=norm == "none"),
            *_encoder_blocks(channels, encoder_blocks, norm),
            *(norm_layer(norm, last), nn.SiLU(inplace=True), nn.Flatten()),
            *(nn.Linear(prod(smallest), 2 * latent_dim), Posterior()),
        )
        decoder = nn.Sequential(
            *(nn.Linear(latent_dim, prod(smallest)), nn.Unflatten(1, smallest), ChannelsLast()),
            *_decoder_blocks(channels, decoder_blocks, norm),
            *(norm_layer(norm, first), nn.SiLU(inplace=True)),
            *(_equal_pixels(nn.Conv2d(first, 4 * image_channels, 3, padding=1)), nn.PixelShuffle(2)),
        )
        super().__init__(encoder, decoder, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs

    def features(self, x: Tensor) -> Sequence[Tensor]:
        """Return the maps after the last block of each resolution, (B, C, H, W) -> (B, C_l, H_l, W_l) each."""
        found = []
        for layer, following in pairwise(self.encoder.children()):
            x = layer(x)
            if isinstance(layer, PreActivationBlock) and not isinstance(following, PreActivationBlock):
                found.append(x)
                if not isinstance(following, nn.Conv2d):  # the head, which works in place
                    break
        return found


class ChannelsLast(nn.Module):
    """Conversion of maps, (B, C, H, W), to channels-last memory, which the following convolutions keep."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps."""
        return x.contiguous(memory_format=torch.channels_last)


class PreActivationBlock(nn.Module):
    """Two convolutions and the identity, (B, channels, H, W) -> (B, channels, H, W)."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm_layer(norm, channels), norm_layer(norm, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps of the block."""
        branch = self.conv1(silu(self.norm1(x)))
        return x + self.conv2(silu(self.norm2(branch)))


def _encoder_blocks(channels: tuple[int, ...], blocks: int, norm: Norm) -> Iterator[nn.Module]:
    yield from (PreActivationBlock(channels[0], norm) for _ in range(blocks))
    for inputs, outputs in pairwise(channels):
        yield nn.Conv2d(inputs, outputs, 2, stride=2, bias=norm == "none")
        yield from (PreActivationBlock(outputs, norm) for _ in range(blocks))


def _decoder_blocks(channels: tuple[int, ...], blocks: int, norm: Norm) -> Iterator[nn.Module]:
    yield from (PreActivationBlock(channels[-1], norm) for _ in range(blocks))
    for inputs, outputs in pairwise(reversed(channels)):
        yield nn.Conv2d(inputs, outputs, 1, bias=norm == "none")
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield from (PreActivationBlock(outputs, norm) for _ in range(blocks))


def _equal_pixels(convolution: nn.Conv2d) -> nn.Conv2d:
    """Give the four output channels of each image channel the same weights, and return the convolution."""
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.copy_(parameter[::4].repeat_interleave(4, dim=0))
    return convolution
