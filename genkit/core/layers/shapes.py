"""Shape checks for convolutional networks that halve their feature maps several times."""

from __future__ import annotations


def image_shape(data_shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of image data.

    Raises `ValueError` if the data are not images, or if `channels`, with one number for each halving, is empty.
    """
    if not channels:
        raise ValueError("channels = [] is empty: expected one number for each halving of the sides, such as [16, 64]")
    if len(data_shape) != 3:
        raise ValueError(f"the network takes images (C, H, W), but the data have the shape {tuple(data_shape)}")
    colours, height, width = data_shape
    return colours, height, width


def smallest_map(data_shape: tuple[int, ...], channels: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the shape (C, H, W) of the feature maps after one halving for each of `channels`.

    Raises `ValueError` if the sides cannot be halved so often, and as `image_shape` does.
    """
    _, height, width = image_shape(data_shape, channels)
    factor = 2 ** len(channels)
    if height % factor or width % factor:
        raise ValueError(
            f"channels = {list(channels)}: images of {height}x{width} (height x width) cannot be halved "
            f"{len(channels)} times. Use images of {_nearest(height, width, factor)}, or fewer channels"
        )
    return channels[-1], height // factor, width // factor


def _nearest(height: int, width: int, factor: int) -> str:
    """Return the sizes closest to height x width whose sides are multiples of `factor`, the smaller size first."""
    below = [max(side // factor, 1) * factor for side in (height, width)]
    above = [-(-side // factor) * factor for side in (height, width)]
    return " or ".join(dict.fromkeys(f"{h}x{w}" for h, w in (below, above)))
