"""Where pictures come from: what is there, without decoding any of it, and one picture by its number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Protocol

import numpy as np
from annotated_types import Interval

from genkit.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Share = Annotated[float, Interval(gt=0, lt=1)]

HELD_OUT_SHARE = 0.1  # of a source that has no split of its own


class Pictures(Protocol):
    """Numbered pictures."""

    def name(self, index: int) -> str:
        """Return what a message calls the picture, and what decides whether it is held out."""
        ...

    def picture(self, index: int) -> Image:
        """Return the picture, opened and perhaps not decoded. Raises `BadPicture`, or whatever Pillow raises."""
        ...


class Source(Pictures, Protocol):
    """The pictures of one split, in an order that does not change."""

    @property
    def where(self) -> str:
        """The folder, file or id, as a message names it."""
        ...

    def __len__(self) -> int:
        """The number of pictures, those that turn out to be bad included."""
        ...

    @property
    def labels(self) -> np.ndarray | None:
        """The class of each picture, (N,) int64, where there are classes."""
        ...

    def digest(self) -> str:
        """Return a text that is another one whenever any of the pictures or labels is."""
        ...


class BadPicture(Exception):
    """A picture that cannot be used. Its text goes on where the name of the picture ends."""


@dataclass(frozen=True, eq=False)
class Subset:
    """Some pictures of a source, in its order."""

    source: Source
    rows: np.ndarray  # (N,) int64

    @property
    def where(self) -> str:
        """Where the whole source is."""
        return self.source.where

    def __len__(self) -> int:
        """The number of chosen pictures."""
        return len(self.rows)

    def name(self, index: int) -> str:
        """Return the name that the source gives."""
        return self.source.name(int(self.rows[index]))

    def picture(self, index: int) -> Image:
        """Return the picture of the source."""
        return self.source.picture(int(self.rows[index]))

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the chosen pictures."""
        labels = self.source.labels
        return None if labels is None else labels[self.rows]

    def digest(self) -> str:
        """Return a digest of the source and the choice."""
        return hashlib.blake2b(self.source.digest().encode() + self.rows.tobytes(), digest_size=16).hexdigest()


def choose(source: Source, wanted: Callable[[str], bool]) -> Subset:
    """Return the pictures whose name is wanted."""
    rows = [index for index in range(len(source)) if wanted(source.name(index))]
    return Subset(source, np.asarray(rows, np.int64))


def split_by_name(source: Source, split: str, share: float) -> Subset:
    """Return the "train" or the "test" pictures of a source that has no split of its own.

    A picture is held out if a digest of its name says so, whatever else is there: it stays on its side when pictures
    are added or removed. Raises `UsageError` where that leaves a split empty.
    """
    chosen = choose(source, lambda name: held_out(name, share) == (split == "test"))
    if not len(chosen):
        taken = "held out" if split == "test" else "left to train on"
        raise UsageError(
            f"[data] {source.where}: of {count(len(source), 'picture')} none is {taken} when a share of {share:g} is "
            f"held out by name; give {_fitting_share(source)}more pictures, or held-out pictures of their own."
        )
    return chosen


def _fitting_share(source: Source) -> str:
    """Return the advice of the least tenth that leaves neither split empty; none does of one picture."""
    names = [source.name(index) for index in range(len(source))]
    tenths = [tenth / 10 for tenth in range(1, 10)]
    fitting = [share for share in tenths if 0 < sum(held_out(name, share) for name in names) < len(names)]
    return f"another share (hold_out = {fitting[0]:g}), " if fitting else ""


def held_out(name: str, share: float) -> bool:
    """Tell whether the picture of this name is among the `share` that is never trained on."""
    return (
        int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big") / 2**64
        < share
    )


def shown_name(name: str) -> str:
    """Return a name as it can be printed: with a line break or an escape in it, those as in Python's texts."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def count(number: int, noun: str) -> str:
    """Return ``1 picture``, ``2,000 pictures``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
