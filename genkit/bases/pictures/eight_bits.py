"""Pictures of Pillow with 8 bits and without transparency, as most files have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Interval

from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.bases.pictures.image_formats import SIXTEEN_BIT_FORMATS

if TYPE_CHECKING:
    from PIL.Image import Image

Level = Annotated[int, Interval(ge=0, le=255)]
Background = Level | tuple[Level, Level, Level]

ALPHA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")


def to_eight_bits(picture: Image, file_format: str | None) -> Image:
    """Return a picture with values in 0..255; Pillow itself would clip 16-bit values at 255."""
    from PIL import Image

    if picture.mode.startswith("I;16") or (picture.mode == "I" and file_format in SIXTEEN_BIT_FORMATS):
        values = np.asarray(picture).astype(np.int64)
        grey = Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
        if "transparency" in picture.info:  # one shade of 65,536, so that its alpha is made before it is rounded
            alpha = Image.fromarray(np.where(values == picture.info["transparency"], 0, 255).astype(np.uint8))
            return Image.merge("LA", (grey, alpha))
        return grey
    if picture.mode in ("I", "F"):
        raise BadPictureError(
            f'32-bit values (mode "{picture.mode}") of unknown range; save the picture with 8 or 16 bits, or use a '
            "recipe whose [data] has window = [low, high] or percentiles"
        )
    return picture


def remove_alpha(picture: Image, background: Background) -> Image:
    """Return a picture composed over the background, unless it has no transparency."""
    from PIL import Image

    if picture.mode not in ALPHA_MODES and "transparency" not in picture.info:
        return picture
    picture = picture.convert("RGBA")
    colour = (background,) * 3 if isinstance(background, int) else background
    return Image.alpha_composite(Image.new("RGBA", picture.size, (*colour, 255)), picture)
