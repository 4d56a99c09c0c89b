"""A single image of a model as a picture, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image


def tile(image: Tensor) -> Image:
    """Return an image, (C, H, W) with one or three channels in [0, 1], with its own pixels; NaN is black.

    Raises `ValueError` for another shape.
    """
    import PIL.Image

    if image.ndim != 3 or image.shape[0] not in (1, 3):
        raise ValueError(f"a tile is a grey image (1, H, W) or a colour image (3, H, W), got {tuple(image.shape)}")
    pixels = (image.detach().cpu().float().nan_to_num(nan=0.0).clamp(0, 1) * 255).round().byte()
    array = pixels[0] if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous()
    return PIL.Image.fromarray(array.numpy())
