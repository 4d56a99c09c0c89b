"""Channels that the transform of a picture changes: colour made grey, grey made colour, transparency filled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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


@dataclass
class ReadChannels:
    """The pictures whose channels were changed, of those that were read so far in order; each counts once."""

    channels: int  # of the model: 1 or 3
    changed: dict[str, tuple[str, int]] = field(default_factory=dict)  # the first picture and their number, by change
    read: int = 0  # their number
    upto: int = 0  # the index after the last of them

    def add(self, index: int, name: str, found: Channels) -> None:
        """Count a picture."""
        if index < self.upto:
            return
        self.read, self.upto = self.read + 1, index + 1
        done = {
            "made grey, as the model takes them": self.channels == 1 and found.coloured,
            "grey, and the model takes colour": self.channels == 3 and found.grey,
            "transparent, which is filled with the background": found.transparent,
        }
        for text in (text for text, is_so in done.items() if is_so):
            first, number = self.changed.get(text, (name, 0))
            self.changed[text] = (first, number + 1)

    def remarks(self) -> Iterator[str]:
        """Yield a text for each change: ``3 of 10 pictures are made grey, as the model takes them, such as a.png``."""
        for text, (first, number) in self.changed.items():
            if self.read == 1:
                yield f"the picture is {text}"
            else:
                verb = "is" if number == 1 else "are"
                yield f"{number:,} of {self.read:,} pictures {verb} {text}, such as {first}"
