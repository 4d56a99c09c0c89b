"""A residual autoencoder of images as one would build it today, at about as many operations as `introvae-conv`.

    encoder   2x2 pixels to one;  Conv3x3;  for each of `channels`: `encoder_blocks` times Res;  norm - SiLU;  Linear
    decoder   Linear;  for each of `channels`, backwards: `decoder_blocks` times Res;  norm - SiLU;  Conv3x3;
              one to 2x2 pixels
    Res       x + Conv3x3( SiLU(norm(Conv3x3( SiLU(norm(x)) ))) )

Between two entries of `channels` the encoder has a Conv2x2 of stride 2, the decoder a Conv1x1 and nearest x2. What is
different from `introvae-conv`, and why it might be better:

- A block's norm comes before its activation and the sum is left alone, so that the identity runs from end to end (He et
  al. 2016, https://arxiv.org/abs/1603.05027); SiLU is smooth (Ramachandran et al. 2017,
  https://arxiv.org/abs/1710.05941).
- Nothing is computed at full resolution, where `introvae-conv` spends three fifths of its decoder on digits: pixels are
  put together and taken apart (Shi et al. 2016, https://arxiv.org/abs/1609.05158). The operations saved go into more
  blocks. The four pixels of a place start as equals, so that no checkerboard is learned from (Aitken et al. 2017,
  https://arxiv.org/abs/1707.02937).
- The first map of the decoder is not cut at zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from genkit.core.field_types import PositiveInt
from genkit.core.layers.linear import Linear
from genkit.core.layers.norm import Norm, norm_layer
from genkit.core.layers.posterior import Posterior
from genkit.core.layers.shapes import smallest_map
from genkit.core.model import Autoencoder


class ModernConv(Autoencoder):
    """A residual autoencoder for images of any number of channels, square or not.

    latent_dim: L, the dimension of the prior
    channels: channels after each halving of the sides, from the image on
    encoder_blocks: residual blocks for each of `channels` in the encoder
    decoder_blocks: the same in the decoder
    norm: see `genkit.core.layers.norm`

    Raises `ValueError` for anything but images, and for sides that cannot be halved once for each of `channels`.
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 128,
        channels: tuple[PositiveInt, ...] = (64, 128, 256),
        encoder_blocks: PositiveInt = 2,
        decoder_blocks: PositiveInt = 3,
        norm: Norm = "group",
        data_shape: tuple[int, ...],
    ) -> None:
        smallest = smallest_map(data_shape, channels)
        colours, first, last = data_shape[0], channels[0], channels[-1]
        encoder = nn.Sequential(
            *(nn.PixelUnshuffle(2), ChannelsLast()),
            nn.Conv2d(4 * colours, first, 3, padding=1, bias=norm == "none"),
            *_downwards(channels, encoder_blocks, norm),
            *(norm_layer(norm, last), nn.SiLU(inplace=True), nn.Flatten()),
            *(Linear(prod(smallest), 2 * latent_dim), Posterior()),
        )
        decoder = nn.Sequential(
            *(Linear(latent_dim, prod(smallest)), nn.Unflatten(1, smallest), ChannelsLast()),
            *_upwards(channels, decoder_blocks, norm),
            *(norm_layer(norm, first), nn.SiLU(inplace=True)),
            *(_equal_pixels(nn.Conv2d(first, 4 * colours, 3, padding=1)), nn.PixelShuffle(2)),
        )
        super().__init__(encoder, decoder, latent_dim, data_shape)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # which torch's stubs leave out


class ChannelsLast(nn.Module):
    """Maps, (B, C, H, W), in the layout of memory that the convolutions after it keep."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps."""
        return x.contiguous(memory_format=torch.channels_last)


class Residual(nn.Module):
    """Two convolutions beside the identity, (B, channels, H, W) -> the same."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm_layer(norm, channels), norm_layer(norm, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=norm == "none")

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's maps."""
        branch = self.conv1(silu(self.norm1(x)))
        return x + self.conv2(silu(self.norm2(branch)))


def _downwards(channels: tuple[int, ...], blocks: int, norm: Norm) -> Iterator[nn.Module]:
    yield from (Residual(channels[0], norm) for _ in range(blocks))
    for inputs, outputs in pairwise(channels):
        yield nn.Conv2d(inputs, outputs, 2, stride=2, bias=norm == "none")
        yield from (Residual(outputs, norm) for _ in range(blocks))


def _upwards(channels: tuple[int, ...], blocks: int, norm: Norm) -> Iterator[nn.Module]:
    yield from (Residual(channels[-1], norm) for _ in range(blocks))
    for inputs, outputs in pairwise(reversed(channels)):
        yield nn.Conv2d(inputs, outputs, 1, bias=norm == "none")
        yield nn.Upsample(scale_factor=2, mode="nearest")
        yield from (Residual(outputs, norm) for _ in range(blocks))


def _equal_pixels(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution whose outputs, four for each colour, start as four equals."""
    with torch.no_grad():
        for parameter in convolution.parameters():
            parameter.copy_(parameter[::4].repeat_interleave(4, dim=0))
    return convolution
