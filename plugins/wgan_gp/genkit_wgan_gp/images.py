"""Common layers of the networks for images: conversion of the value range, norm of a critic, initial weights.

The published networks work on images in [-1, 1]. The images of genkit, including those that a generator passes to
metrics and files, are in [0, 1]. So each network converts at its edge, and no other module needs to know:

    generator   x = (tanh(u) + 1) / 2           critic   f(x) = g(2·x - 1)

The penalty acts on the gradient of f, with images in [0, 1], where distances are half of those in [-1, 1]. So the
estimated distance is halved and the penalty is not: λ = 5 here corresponds to the published λ = 10. (The published
digits are in [0, 1] too, so for them λ is the same.)

Initial weights are those of <https://github.com/igul222/improved_wgan_training>: uniform with variance
4 / (fan in + fan out) (Glorot & Bengio 2010, times the 2 of He et al. 2015), or 2 / (fan in + fan out) if no rectifier
follows. Biases are initially zero.
"""

from __future__ import annotations

from math import sqrt
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

CriticNorm = Literal["none", "layer"]
Layer = TypeVar("Layer", nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


class ToImage(nn.Module):
    """Last layer of a generator: maps real numbers to [0, 1]."""

    def forward(self, u: Tensor) -> Tensor:
        """Return (tanh(u) + 1) / 2."""
        return (torch.tanh(u) + 1) / 2


class FromImage(nn.Module):
    """First layer of a critic: maps [0, 1] to [-1, 1], in channels-last memory."""

    def forward(self, x: Tensor) -> Tensor:
        """Return 2·x - 1."""
        return (2 * x - 1).contiguous(memory_format=torch.channels_last)


class ToMaps(nn.Module):
    """Reshapes features, (B, C·H·W), to maps, (B, C, H, W), in channels-last memory."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, features: Tensor) -> Tensor:
        """Return the maps."""
        return features.unflatten(1, self.shape).contiguous(memory_format=torch.channels_last)


def critic_norm_layer(norm: CriticNorm, channels: int) -> nn.Module:
    """Return a norm that does not mix samples: "layer", over the channels and positions of each sample, or "none"."""
    return nn.GroupNorm(1, channels) if norm == "layer" else nn.Identity()


def initialise(layer: Layer, *, rectified: bool = True) -> Layer:
    """Draw the initial weights of a layer, and return the layer; `rectified`: a rectifier follows it."""
    positions = layer.weight[0, 0].numel()  # positions of the kernel
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
