"""Decoding of pictures. A picture that cannot be used gives a `BadPicture`, so a caller can report all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.bad_pictures import BadPicture
from genkit.bases.pictures.image_formats import check_one_page, check_pixel_count, describe_image_error
from genkit.bases.pictures.source import Pictures, Source, shown_name
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.value_range import ValueRange

if TYPE_CHECKING:
    from PIL.Image import Image

Result = TypeVar("Result")


def decode(source: Pictures, index: int, work: Callable[[Image | ArrayPicture], Result]) -> Result | BadPicture:
    """Return ``work(picture)`` for the picture at `index`, or a `BadPicture` if that raises.

    `MemoryError` is raised: it says nothing about the picture.
    """
    try:
        with source.picture(index) as picture:
            check_pixel_count(picture)
            check_one_page(picture)
            return work(picture)
    except MemoryError:
        raise
    except Exception as error:  # a decoder may raise almost anything for a damaged file
        return BadPicture(shown_name(source.name(index)), describe_image_error(error))


def decode_some(
    source: Source, transform: Transform, indices: Sequence[int]
) -> tuple[np.ndarray, list[int], list[BadPicture], ValueRange]:
    """Return the usable pictures among `indices`, the indices of these N, the bad pictures, and the range of values.

    The pictures are (N, C, H, W), of the type of the transform. The range has no values without levels.
    """
    values = ValueRange()
    pixels = np.empty((len(indices), *transform.shape), transform.dtype)
    usable: list[int] = []
    bad: list[BadPicture] = []
    for index in indices:
        decoded = decode(source, index, transform.measured)
        if isinstance(decoded, BadPicture):
            bad.append(decoded)
        else:
            pixels[len(usable)] = decoded.pixels
            if decoded.values is not None:
                values.add(decoded.values)
            usable.append(index)
    return pixels[: len(usable)], usable, bad, values
