"""Size and depth that the transform of a picture changes: cropped, stretched, enlarged, or with fewer bits.

A picture that is only made smaller is not changed in this sense. A change that training pictures undergo too is what
the model was trained on, so it is no news; a few training pictures show which those are, from their headers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import BadPicture
from genkit.bases.pictures.decode import decode
from genkit.bases.pictures.file_values import DEEP_COLOUR, raw_mode
from genkit.bases.pictures.inspect_pictures import EXIF_ORIENTATION, SIDEWAYS
from genkit.bases.pictures.source import Source
from genkit.bases.pictures.transform import Transform

if TYPE_CHECKING:
    from PIL.Image import Image

PROBED = 16  # training pictures whose headers are read
CROPPED = "cropped, which leaves out a part"
STRETCH = 0.01  # a smaller change of the aspect ratio comes from whole pixels


def upright_size(picture: Image | ArrayPicture) -> tuple[int, int]:
    """Return width and height of a picture that is turned upright; its pixels need not be decoded."""
    width, height = picture.size
    if isinstance(picture, ArrayPicture) or picture.getexif().get(EXIF_ORIENTATION) not in SIDEWAYS:
        return width, height
    return height, width


def is_deep(picture: Image | ArrayPicture) -> bool:
    """Return whether a file has more than 8 bits a channel. Its pixels must not be decoded yet."""
    if isinstance(picture, ArrayPicture):
        return False  # `as_eight_bits` refuses other integers, and floats have no depth
    raw, maximum = raw_mode(picture)
    return picture.mode == "I" or picture.mode.startswith("I;16") or raw.endswith(DEEP_COLOUR) or maximum > 255


def size_changes(size: tuple[int, int], deep: bool, transform: Transform) -> Iterator[str]:
    """Yield what the transform changes of a picture of this size, (width, height), and depth.

    Raises `BadPictureError` if the picture is smaller than the crop.
    """
    left, top, right, bottom = transform.box(*size)
    width, height = right - left, bottom - top
    if (width, height) != size:
        yield CROPPED
    stretch = (transform.width / width) / (transform.height / height)
    if max(stretch, 1 / stretch) > 1 + STRETCH:
        yield "stretched to the aspect ratio of the model"
    if width < transform.width or height < transform.height:
        yield f"enlarged to the {transform.width} x {transform.height} pixels of the model"
    if deep and transform.levels is None:
        # 12 bits in a file of 16 are almost black, so the remark says what the values are divided by.
        yield "of more than 8 bits, and the model takes 8: the whole range of the file, such as 0 to 65,535, is 0 to 1"


def implied_changes(transform: Transform) -> frozenset[str]:
    """Return the changes that a crop makes to training pictures of which nothing is known.

    A crop of fixed size is cut out of larger pictures, and its own size decides whether it is stretched or enlarged.
    The largest centred box has the aspect ratio of the model, and its size is not known.
    """
    if transform.crop == "none":
        return frozenset()
    if transform.crop == "centre":
        return frozenset({CROPPED})
    crop = transform.crop
    least = (crop,) if isinstance(crop, int) else crop[-2:]  # height and width, or right and bottom of a box
    side = max(least) + 1
    return frozenset(size_changes((side, side), False, transform))


def usual_changes(source: Source, transform: Transform) -> frozenset[str]:
    """Return the changes that the transform makes to some of the training pictures, those of `source`.

    At most `PROBED` of them are opened. One that cannot be opened counts for nothing.
    """

    def changes(picture: Image | ArrayPicture) -> list[str]:
        deep = is_deep(picture)  # first: finding the orientation may decode the picture
        return list(size_changes(upright_size(picture), deep, transform))

    spread = np.linspace(0, len(source) - 1, min(len(source), PROBED)).round().astype(int).tolist()
    found = [decode(source, index, changes) for index in spread]
    return frozenset(text for texts in found if not isinstance(texts, BadPicture) for text in texts)
