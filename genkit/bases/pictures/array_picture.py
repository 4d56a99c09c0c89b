"""A picture as an array of values of any type, beside the images of Pillow, which have few types of values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.storage.mapped_file import check_mapped
from genkit.storage.regular_file import check_regular, open_regular

if TYPE_CHECKING:
    from PIL.Image import Image

Layout = Literal["NHW", "NHWC", "NCHW"]
"""Order of the dimensions of an array of N pictures."""
CHANNEL_COUNTS = (1, 3, 4)
NPY_MAGIC = b"\x93NUMPY"  # the first bytes of a .npy
ROUNDING = 1e-3  # a float value so far outside [0, 1] is clipped: it is a rounding, not another scale


@dataclass(frozen=True, eq=False)
class ArrayPicture:
    """Values of a picture, and the attributes of Pillow's images that the reading of pictures uses."""

    values: np.ndarray
    """The values, (H, W, C)."""
    format: str | None = None

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.values.shape[1]

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.values.shape[0]

    @property
    def size(self) -> tuple[int, int]:
        """The width and the height in pixels."""
        return self.width, self.height

    @property
    def mode(self) -> str:
        """The type of the values and the number of channels: ``int16 x 1``."""
        return f"{self.values.dtype} x {self.values.shape[2]}"

    def __enter__(self) -> ArrayPicture:
        """Return the picture, which needs no closing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing."""

    def as_eight_bits(self) -> Image:
        """Return a picture of Pillow with 8 bits.

        Raises `BadPictureError` unless the values are uint8, or floats in [0, 1] and `ROUNDING`.
        """
        from PIL import Image

        pixels = self.values
        if pixels.dtype.kind == "f":
            if not np.isfinite(pixels).all():
                raise BadPictureError("values that are not finite")
            if is_outside(pixels.min(), pixels.max()):
                raise BadPictureError(f"values from {digits(pixels.min())} to {digits(pixels.max())}, outside [0, 1]")
            pixels = np.round(pixels.clip(0, 1) * 255).astype(np.uint8)
        elif pixels.dtype == bool:
            raise BadPictureError("values of type bool, which only a mask may have; save an array of uint8")
        elif pixels.dtype != np.uint8:
            raise BadPictureError(
                f"values of type {pixels.dtype}; save uint8, or use a recipe whose [data] has window = [low, high] or "
                "percentiles"
            )
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels))


def open_npy(path: str | Path) -> ArrayPicture:
    """Open a .npy file with one picture or mask, (H, W), (H, W, C) or (C, H, W), as a memory map.

    The values are integers, floats or booleans. Booleans are a mask; the readers of pictures refuse them.
    Raises `BadPictureError` for an array that is no picture, and `OSError`.
    """
    check_regular(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        if "bject" in str(error):  # NumPy's message advises to load objects, which may run code
            raise BadPictureError("the array holds Python objects; save an array of numbers") from None
        raise BadPictureError("not a complete .npy file with an array") from None
    if not isinstance(array, np.ndarray):
        raise BadPictureError("an archive of arrays; save each picture with numpy.save")
    if array.dtype.kind not in "biuf":
        raise BadPictureError(f"values of type {array.dtype}; save an array of integers or floats")
    check_mapped(array)
    return ArrayPicture(_channels_last(array), "NPY")


def has_one_picture(path: Path) -> bool:
    """Return whether a file is a .npy with an array of two dimensions: one picture, and not a row of them."""
    try:
        with open_regular(path) as file:
            if file.read(len(NPY_MAGIC)) != NPY_MAGIC:
                return False
        return np.load(path, mmap_mode="r", allow_pickle=False).ndim == 2
    except (OSError, ValueError, EOFError):
        return False


def _channels_last(array: np.ndarray) -> np.ndarray:
    """Return an array as (H, W, C). Raises `BadPictureError` if its shape is not that of one picture."""
    if array.ndim == 2:
        return array[..., None]
    last, first = (array.ndim == 3 and array.shape[axis] in CHANNEL_COUNTS for axis in (-1, 0))
    if last == first:
        problem = "can be (H, W, C) or (C, H, W)" if last else "expected (H, W), (H, W, C) or (C, H, W), C of 1, 3 or 4"
        raise BadPictureError(f"an array of shape {array.shape}: {problem}")
    return array if last else np.moveaxis(array, 0, -1)


def is_outside(least: float, most: float) -> bool:
    """Return whether values from `least` to `most` are outside [0, 1] by more than a rounding; False for NaN."""
    return bool(least < -ROUNDING or most > 1 + ROUNDING)


def digits(value: np.floating) -> str:
    """Return a number with as many digits as it takes to tell it from its neighbours: ``1.0000001``."""
    return str(value).removesuffix(".0")
