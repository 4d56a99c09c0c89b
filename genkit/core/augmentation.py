"""Random changes of pictures that a gradient passes through: cutout and shift.

A loss applies them to the inputs of a network, to real pictures and to those of a decoder alike, so that the network
cannot learn the training pictures by heart. Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
Training", <https://arxiv.org/abs/2006.10738>, sections 3 and 4.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.noise import Noise


def cutout(x: Tensor, noise: Noise, *, side: float, probability: float) -> Tensor:
    """Return pictures in each of which, with `probability`, a rectangle is 0, (B, C, H, W) -> (B, C, H, W).

    The rectangle has the fraction `side` of the height and of the width, rounded to pixels. Its centre is uniform over
    the picture, and what lies outside the picture is cut off. Raises `ValueError` if `x` are no pictures.
    """
    height, width = _size(x, "cutout")
    drawn = noise.rand("cutout") < probability
    in_rows = _covered(noise.randint("cutout-row", height), height, side)
    in_columns = _covered(noise.randint("cutout-column", width), width, side)
    inside = drawn[:, None, None] & in_rows[:, :, None] & in_columns[:, None, :]
    return x.masked_fill(inside[:, None], 0.0)


def shift(x: Tensor, noise: Noise, *, distance: float, probability: float) -> Tensor:
    """Return pictures each of which, with `probability`, is moved by whole pixels, (B, C, H, W) -> (B, C, H, W).

    The distances along the height and the width are independent and uniform between -d and d, where d is the fraction
    `distance` of the side, rounded to pixels. Pixels that enter the picture are 0. Raises `ValueError` if `x` are no
    pictures.
    """
    height, width = _size(x, "shift")
    drawn = noise.rand("shift") < probability
    down, right = round(distance * height), round(distance * width)
    rows = _sources(noise.randint("shift-row", 2 * down + 1) - down, drawn, height) + down
    columns = _sources(noise.randint("shift-column", 2 * right + 1) - right, drawn, width) + right
    padded = torch.nn.functional.pad(x, (right, right, down, down))
    # Each pixel is read at most once, so the gradient adds nothing up and has the same bits on every device.
    taken = padded.gather(2, rows[:, None, :, None].expand(-1, x.shape[1], -1, padded.shape[3]))
    return taken.gather(3, columns[:, None, None, :].expand(-1, x.shape[1], height, -1))


def _size(x: Tensor, name: str) -> tuple[int, int]:
    if x.dim() != 4:
        shape = tuple(x.shape[1:])
        raise ValueError(f"{name} needs pictures (C, H, W), but the samples have the shape {shape}. Remove the key")
    return x.shape[2], x.shape[3]


def _covered(centres: Tensor, length: int, side: float) -> Tensor:
    """Return which pixels of an axis are within `side` of the length around each centre, (B,) -> (B, length)."""
    size = round(side * length)
    places = torch.arange(length, device=centres.device) - (centres - size // 2)[:, None]
    return (places >= 0) & (places < size)


def _sources(offsets: Tensor, drawn: Tensor, length: int) -> Tensor:
    """Return for each pixel of an axis the one that moves there, (B,) twice -> (B, length)."""
    moved = torch.where(drawn, offsets, torch.zeros_like(offsets))
    return torch.arange(length, device=offsets.device) - moved[:, None]
