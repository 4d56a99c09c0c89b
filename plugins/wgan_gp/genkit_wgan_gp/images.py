"""What the networks of images share: the range of an image, the norm of a critic, and how weights start.

The published networks make and judge images in [-1, 1]; genkit's lie in [0, 1], and so do those that a generator
gives to metrics and files. So each network converts at its edge, and nothing else of genkit need know:

    generator   x = (tanh(u) + 1) / 2           critic   f(x) = g(2·x - 1)

The slope that the penalty holds at one is that of f, in images of [0, 1], where all distances are half of those in
[-1, 1]. So the distance is halved and the penalty is not: λ = 5 here is the published λ = 10. (The published digits lie
in [0, 1], too: for them λ is the same.)

Weights start as in https://github.com/igul222/improved_wgan_training: uniform, of variance 4 / (fan in + fan out)
(Glorot & Bengio 2010, times the 2 of He et al. 2015), without the 2 where no rectifier follows; biases start at zero.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

CriticNorm = Literal["none", "layer"]
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class ToImage(nn.Module):
    """The end of a generator: any numbers to [0, 1]."""

    def forward(self, u: Tensor) -> Tensor:
        """Return (tanh(u) + 1) / 2."""
        return (torch.tanh(u) + 1) / 2


class FromImage(nn.Module):
    """The beginning of a critic: [0, 1] to [-1, 1], kept channels-last."""

    def forward(self, x: Tensor) -> Tensor:
        """Return 2·x - 1."""
        return (2 * x - 1).contiguous(memory_format=torch.channels_last)


class ToMaps(nn.Module):
    """From features, (B, C·H·W), to maps of the given shape, (B, C, H, W), kept channels-last."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """Return the maps."""
        return features.unflatten(1, self.shape).contiguous(memory_format=torch.channels_last)


def critic_norm_layer(norm: CriticNorm, channels: int) -> nn.Module:
    """Return a norm that does not mix samples: "layer", over channels and positions of each, or "none"."""
    return nn.GroupNorm(1, channels) if norm == "layer" else nn.Identity()


def started(layer: Layer, *, rectified: bool = True) -> Layer:
    """Return the layer with the weights that it starts from; `rectified`: a rectifier follows it."""
    positions = layer.weight[0, 0].numel()  # of a kernel
    if isinstance(layer, nn.Linear):
        fans: float = layer.in_features + layer.out_features
    elif isinstance(layer, nn.ConvTranspose2d):
        fans = positions * (layer.in_channels / layer.stride[0] ** 2 + layer.out_channels)
    else:
        fans = positions * (layer.in_channels + layer.out_channels / layer.stride[0] ** 2)
    bound = sqrt(3 * (4 if rectified else 2) / fans)
    nn.init.uniform_(layer.weight, -bound, bound)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
