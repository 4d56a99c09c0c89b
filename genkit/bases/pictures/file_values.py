"""Values of a picture in the units of its file, where Pillow keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.bases.pictures.eight_bits import ALPHA_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

DEEP_COLOUR = (";16L", ";16B", ";16N")  # end of the raw modes of 16-bit colour, which Pillow reads as 8 bits
UNSIGNED = "I;32N"  # raw mode of unsigned values, which Pillow reads as signed ones


def file_values(picture: Image | ArrayPicture, box: tuple[int, int, int, int], raw: str, maximum: int) -> np.ndarray:
    """Return the values of a part of a picture, (H, W, C) float64.

    Args:
        picture: The picture, upright.
        box: The part, (left, top, right, bottom) in pixels.
        raw: Its raw mode, as of `raw_mode`.
        maximum: The maximum of its header, as of `raw_mode`; 0 without one.

    Raises:
        BadPictureError: If it has transparency, a value that is not finite, or values that Pillow does not keep.
    """
    left, top, right, bottom = box
    if isinstance(picture, ArrayPicture):
        if picture.values.dtype == bool:
            raise BadPictureError(
                "values of type bool, which only a mask may have; save an array of integers or floats"
            )
        values = picture.values[top:bottom, left:right].astype(np.float64)
        if values.shape[2] == 4:
            raise _transparent()
    else:
        values = _values_of_pillow(picture.crop(box), raw, maximum)
    finite = np.isfinite(values)
    if not finite.all():
        row, column = np.argwhere(~finite)[0][:2]
        others = f", and {(~finite).sum() - 1:,} more" if (~finite).sum() > 1 else ""
        place = f"[{row + top}, {column + left}]"
        raise BadPictureError(f"a value that is not finite, {values[~finite][0]} at row and column {place}{others}")
    return values


def raw_mode(picture: Image | ArrayPicture) -> tuple[str, int]:
    """Return the mode of a picture's values in its file, and the maximum in its header, 0 without one.

    Only a picture whose pixels are not decoded yet has them.
    """
    tiles = getattr(picture, "tile", None)
    if not tiles:
        return "", 0
    codec, _, _, args = tiles[0]  # by position: a tile of Pillow 10 is a plain tuple
    if not args:
        return "", 0
    raw = args if isinstance(args, str) else str(args[0])
    return raw, args[1] if codec.startswith("ppm") and isinstance(args, tuple) else 0


def _values_of_pillow(picture: Image, raw: str, maximum: int) -> np.ndarray:
    if picture.mode in ALPHA_MODES or "transparency" in picture.info:
        raise _transparent()
    if picture.mode == "1":
        picture = picture.convert("L")
    if picture.mode in ("L", "I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture).astype(np.float64)[..., None]
        if raw == UNSIGNED:
            values = np.where(values < 0, values + 2**32, values)
        return _unscaled(values, maximum, 255 if picture.mode == "L" else 65535)
    if (raw.startswith(("RGB", "CMYK")) and raw.endswith(DEEP_COLOUR)) or maximum > 255:
        raise BadPictureError("16-bit colour, which Pillow reads as 8 bits; save the picture as .npy")
    return _unscaled(np.asarray(picture.convert("RGB")).astype(np.float64), maximum, 255)


def _unscaled(values: np.ndarray, maximum: int, white: int) -> np.ndarray:
    """Return values below the maximum of a header, which Pillow has scaled to `white`; unchanged without a maximum."""
    return np.rint(values * maximum / white) if maximum else values


def _transparent() -> BadPictureError:
    return BadPictureError("transparency, which window and percentiles do not define; save it without an alpha channel")
