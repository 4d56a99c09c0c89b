"""Which images a network takes whose maps are halved again and again, and what it says of the others."""

from __future__ import annotations


def image_shape(data_shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the data's shape (C, H, W); or raise `ValueError` for data or `channels` that no such network takes."""
    if not channels:
        raise ValueError("channels is empty; it needs one number for each halving of the sides, such as [16, 64]")
    if len(data_shape) != 3:
        raise ValueError(f"takes images (C, H, W), and the data have the shape {tuple(data_shape)}")
    colours, height, width = data_shape
    return colours, height, width


def smallest_map(data_shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape (C, H, W) that images have after one halving for each of `channels`; or raise `ValueError`."""
    _, height, width = image_shape(data_shape, channels)
    factor = 2 ** len(channels)
    if height % factor or width % factor:
        raise ValueError(
            f"images of {height}x{width} (height x width) cannot be halved {len(channels)} times, once for each of "
            f"channels = {list(channels)}; the nearest sizes that can are {_nearest(height, width, factor)}"
        )
    return channels[-1], height // factor, width // factor


def _nearest(height: int, width: int, factor: int) -> str:
    """Return the sizes next to height x width whose sides are multiples of `factor`, the smaller first."""
    below = [max(side // factor, 1) * factor for side in (height, width)]
    above = [-(-side // factor) * factor for side in (height, width)]
    return " and ".join(dict.fromkeys(f"{h}x{w}" for h, w in (below, above)))
