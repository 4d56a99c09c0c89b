"""Image file formats: the accepted file suffixes, and the function that opens a file with each suffix.

To accept another format, add its suffix to `OPENERS`. The value is `open_with_pillow` if Pillow decodes the format, or
else a function that returns a ``PIL.Image.Image`` for a path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from genkit.bases.pictures.array_picture import ArrayPicture, open_npy
from genkit.bases.pictures.bad_pictures import BadPictureError
from genkit.storage.regular_file import check_regular

if TYPE_CHECKING:
    from PIL.Image import Image


def open_with_pillow(file: str | Path | IO[bytes]) -> Image:
    """Open an image without decoding its pixels. Raises whatever Pillow raises.

    Pillow detects the format from the content of the file, so a JPEG image in ``x.png`` opens too.
    """
    from PIL import Image

    picture = Image.open(file)
    _rescale_transparent_shade(picture)
    return picture


OPENERS: Mapping[str, Callable[[str | Path], Image]] = {
    ".jpg": open_with_pillow,
    ".jpeg": open_with_pillow,
    ".jpe": open_with_pillow,
    ".jfif": open_with_pillow,
    ".png": open_with_pillow,
    ".apng": open_with_pillow,
    ".webp": open_with_pillow,
    ".bmp": open_with_pillow,
    ".gif": open_with_pillow,
    ".tif": open_with_pillow,
    ".tiff": open_with_pillow,
    ".ppm": open_with_pillow,
    ".pgm": open_with_pillow,
    ".pbm": open_with_pillow,
    ".pnm": open_with_pillow,
    ".jp2": open_with_pillow,
    ".j2k": open_with_pillow,
    ".avif": open_with_pillow,
    ".tga": open_with_pillow,
}
ARRAY_OPENERS: Mapping[str, Callable[[str | Path], ArrayPicture]] = {".npy": open_npy}
SUBFILE_TYPE, SMALLER_COPY, MASK = 254, 1, 4  # a tag of TIFF, and the bits of its value
SIXTEEN_BIT_FORMATS = ("PNG", "PPM")  # Pillow may hold 16-bit values of these formats in its 32-bit mode "I"


def is_image_file(name: str, *, arrays: bool = False) -> bool:
    """Return whether the suffix of a file name is that of an image, or with `arrays` that of an array.

    Upper and lower case are equal. An array is a picture only if the levels of its values are declared.
    """
    suffix = suffix_of(name)
    return suffix in OPENERS or (arrays and suffix in ARRAY_OPENERS)


def suffix_of(path: str | Path) -> str:
    """Return the suffix of a file name in lower case, with its dot."""
    return os.path.splitext(path)[1].lower()


def open_image(path: str | Path) -> Image | ArrayPicture:
    """Open an image file without decoding its pixels; Pillow opens a file whose suffix has no opener.

    Raises whatever the function that opens the file raises, and `OSError` for a pipe or a device.
    """
    check_regular(path)
    suffix = suffix_of(path)
    return ARRAY_OPENERS[suffix](path) if suffix in ARRAY_OPENERS else OPENERS.get(suffix, open_with_pillow)(path)


def check_one_page(picture: Image | ArrayPicture) -> None:
    """Raise `BadPictureError` if a TIFF has a second page of the same size, as a volume has.

    A smaller copy of the first page, or its mask, is no second page.
    """
    if isinstance(picture, ArrayPicture) or picture.format != "TIFF":
        return
    pages, volume = 1, False
    with suppress(Exception):  # a damaged later page says nothing about the first
        pages = getattr(picture, "n_frames", 1)
        if pages > 1:
            first = picture.size
            picture.seek(1)
            kind = getattr(picture, "tag_v2", {}).get(SUBFILE_TYPE, 0)
            volume = picture.size == first and not kind & (SMALLER_COPY | MASK)
    picture.seek(0)
    if volume:
        raise BadPictureError(f"{pages} pages of one size, a volume; save each page as a picture")


def check_pixel_count(picture: Image | ArrayPicture) -> None:
    """Raise `BadPictureError` if an image has so many pixels that decoding it could use up the memory.

    Pillow itself only warns above this limit, and refuses twice as many pixels.
    """
    from PIL import Image

    if Image.MAX_IMAGE_PIXELS is not None and picture.width * picture.height > Image.MAX_IMAGE_PIXELS:
        raise BadPictureError(_too_many_pixels())


def describe_image_error(error: Exception) -> str:
    """Return why an image could not be opened or decoded, for a message about it."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, BadPictureError):
        return str(error)
    if isinstance(error, Image.DecompressionBombError):
        return _too_many_pixels()
    if isinstance(error, UnidentifiedImageError):
        return "not an image that Pillow can read"
    if isinstance(error, FileNotFoundError):
        return "file not found"
    return f"cannot be decoded: {str(error) or type(error).__name__}"


def _too_many_pixels() -> str:
    from PIL import Image

    return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels, the limit of Pillow against decompression bombs"


def _rescale_transparent_shade(picture: Image) -> None:
    """Scale the transparent shade of a PNG as Pillow scales the pixels when it decodes them.

    Pillow reads grey of 2 or 4 bits and colours of 16 bits as 8 bits, but keeps the number in the tRNS chunk.
    """
    shade, tiles = picture.info.get("transparency"), getattr(picture, "tile", None)
    if shade is None or not tiles or picture.format != "PNG":
        return
    match tiles[0][3], shade:  # the arguments of the decoder, by position: a tile of Pillow 10 is a plain tuple
        case ("L;2" | "L;4") as bits, int():
            picture.info["transparency"] = shade * 255 // (2 ** int(bits[-1]) - 1)
        case "RGB;16B", (red, green, blue):
            picture.info["transparency"] = (red >> 8, green >> 8, blue >> 8)
