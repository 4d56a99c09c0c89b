"""Changes that a transform makes to pictures, and the number of pictures with each, with the first of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from genkit.bases.pictures.array_picture import ArrayPicture
from genkit.bases.pictures.changed_channels import channel_changes, channels_of
from genkit.bases.pictures.changed_sizes import size_changes, upright_size
from genkit.bases.pictures.transform import Transform

if TYPE_CHECKING:
    from PIL.Image import Image

Changes = list[tuple[str, str]]
"""Texts that complete "the picture is", each with what is said of the picture where it is the example."""


def changes_of(
    picture: Image | ArrayPicture, deep: bool, transform: Transform, usual: frozenset[str] | None
) -> Changes:
    """Return what the transform changes of a picture: its channels, and its size and depth.

    Changes of size and depth in `usual` are left out; None leaves out all of them. `deep` is whether the file has more
    than 8 bits a channel. The pixels are decoded.
    """
    changes = [(text, "") for text in channel_changes(channels_of(picture), transform.channels)]
    if usual is not None:
        width, height = upright_size(picture)
        found = size_changes((width, height), deep, transform)
        changes += [(text, f" ({width} x {height})") for text in found if text not in usual]
    return changes


@dataclass
class CountedChanges:
    """The pictures that were changed, of those that were read so far in order; each counts once."""

    changed: dict[str, tuple[str, int]] = field(default_factory=dict)  # the first picture and their number, by change
    read: int = 0  # their number
    upto: int = 0  # the index after the last of them

    def add(self, index: int, name: str, changes: Changes) -> None:
        """Count a picture."""
        if index < self.upto:
            return
        self.read, self.upto = self.read + 1, index + 1
        for text, said in changes:
            first, number = self.changed.get(text, (f"{name}{said}", 0))
            self.changed[text] = (first, number + 1)

    def remarks(self) -> Iterator[str]:
        """Yield a text for each change: ``3 of 10 pictures are made grey, as the model takes them, such as a.png``."""
        for text, (first, number) in self.changed.items():
            if self.read == 1:
                yield f"the picture is {text}"
            else:
                verb = "is" if number == 1 else "are"
                yield f"{number:,} of {self.read:,} pictures {verb} {text}, such as {first}"
