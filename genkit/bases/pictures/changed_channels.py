"""Channels that the transform of a picture changes: colour made grey, grey made colour, transparency filled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.eight_bits import ALPHA_MODES

if TYPE_CHECKING:
    from PIL.Image import Image

GREY_MODES = ("1", "L", "LA", "La", "I", "F")
COLOURED = 16  # differences of channels up to it, of 255, are those of a grey picture that JPEG has stored in colour


class Channels(NamedTuple):
    """What the channels of a picture hold."""

    coloured: bool  # they differ; False for a grey picture that is stored in colour
    grey: bool  # there is one, beside transparency
    transparent: bool  # some pixel is


def channels_of(picture: Image | ArrayPicture) -> Channels:
    """Return what the channels of a picture hold. The pixels of an image are decoded."""
    if isinstance(picture, ArrayPicture):
        return _channels_of_array(picture.values)
    alpha = picture.mode in ALPHA_MODES or "transparency" in picture.info
    transparent = alpha and bool(np.asarray(picture.convert("RGBA").getchannel("A")).min() < 255)
    if picture.mode in GREY_MODES or picture.mode.startswith("I;16"):
        return Channels(False, True, transparent)
    red, green, blue = picture.convert("RGB").split()
    return Channels(_differ(red, green) or _differ(green, blue), False, transparent)


def _channels_of_array(values: np.ndarray) -> Channels:
    """Return what the channels of values hold, (H, W, C); colours of another scale than bytes differ if at all."""
    colours = values[..., :3]
    coloured = colours.shape[-1] == 3 and bool((colours != colours[..., :1]).any())
    return Channels(coloured, colours.shape[-1] == 1, values.shape[-1] == 4 and len(np.unique(values[..., 3])) > 1)


def _differ(one: Image, other: Image) -> bool:
    from PIL import ImageChops

    return bool(np.asarray(ImageChops.difference(one, other)).max() > COLOURED)


def channel_changes(found: Channels, channels: int) -> Iterator[str]:
    """Yield what a model of `channels`, 1 or 3, makes of the channels of a picture."""
    if channels == 1 and found.coloured:
        yield "made grey, as the model takes them"
    if channels == 3 and found.grey:
        yield "grey, and the model takes colour"
    if found.transparent:
        yield "transparent, which is filled with the background"
