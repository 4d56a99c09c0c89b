"""Maps: one number for each pixel of an image, (B, H, W), such as its share in a score.

All functions keep the sum of a map, so a score is the sum of its map before and after.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TRUNCATE = 4.0  # standard deviations at which a Gaussian is cut off, as in scipy.ndimage


def summed_over_channels(values: Tensor) -> Tensor:
    """Return the sum over the channels of images, (B, C, H, W) -> (B, H, W). Raises `ValueError` for other samples."""
    if values.dim() != 4:
        raise ValueError(f"only images have a map, but samples have the shape {tuple(values.shape[1:])}")
    return values.sum(dim=1)


def spread_positions(values: Tensor, height: int, width: int) -> Tensor:
    """Spread values at positions evenly over the pixels that they cover, (B, h, w) -> (B, height, width).

    Position (i, j) covers the box [i/h, (i + 1)/h] x [j/w, (j + 1)/w] of the image, and a pixel gets the share of the
    box that lies in it. If h divides the height, this is nearest upsampling divided by the number of pixels.
    """
    rows = _overlap(height, values.shape[1]).to(values)
    columns = _overlap(width, values.shape[2]).to(values)
    return rows @ values @ columns.T


def smoothed(maps: Tensor, sigma: float) -> Tensor:
    """Return maps, (B, H, W), smoothed by a Gaussian of standard deviation `sigma` pixels; 0 leaves them as they are.

    At a border a map goes on as its reflection, the pixel at the border twice, as in ``scipy.ndimage.gaussian_filter``.
    """
    if sigma == 0:
        return maps
    rows, columns = (_gaussian(size, sigma).to(maps) for size in maps.shape[1:])
    return rows @ maps @ columns.T


def _overlap(size: int, positions: int) -> Tensor:
    """Return the share of each position that lies in each pixel, (size, positions) float64; columns add up to 1."""
    pixels, boxes = torch.arange(size + 1).double() / size, torch.arange(positions + 1).double() / positions
    ends = torch.minimum(pixels[1:, None], boxes[None, 1:]) - torch.maximum(pixels[:-1, None], boxes[None, :-1])
    return ends.clamp(min=0) * positions


def _gaussian(size: int, sigma: float) -> Tensor:
    """Return the matrix that smooths a line of pixels, (size, size) float64; rows and columns add up to 1."""
    radius = math.floor(TRUNCATE * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = (-0.5 * (offsets.double() / sigma).square()).exp()
    reflected = (torch.arange(size)[:, None] + offsets) % (2 * size)
    reflected = torch.minimum(reflected, 2 * size - 1 - reflected)
    shares = (weights / weights.sum()).expand(size, -1)
    return torch.zeros(size, size, dtype=torch.float64).scatter_add_(1, reflected, shares)
