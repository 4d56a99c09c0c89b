"""Interface of a source of pictures: it lists pictures without decoding them, and opens one picture by its index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol, runtime_checkable

import numpy as np
from annotated_types import Interval

from genkit.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.bases.pictures.array_picture import ArrayPicture

Share = Annotated[float, Interval(gt=0, lt=1)]
"""Share of the pictures, above 0 and below 1."""

TEST_NAMES = ("test", "testing", "val", "valid", "validation")  # names of the held-out split; the first that exists
FAR = 0.5  # a held-out share that is further from the one asked for, relative to it, is remarked
HELD_OUT_SHARE = 0.1
"""Share that is held out of a source without a split, unless the recipe sets ``hold_out``."""


class Pictures(Protocol):
    """Pictures with an index and a name each."""

    def name(self, index: int) -> str:
        """Return the name of a picture. Messages show it, and it decides whether the picture is held out."""
        ...

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open a picture; its pixels need not be decoded yet. Raises `BadPictureError`, or whatever Pillow raises."""
        ...


class Source(Pictures, Protocol):
    """The pictures of one split, in a fixed order."""

    @property
    def where(self) -> str:
        """The folder, file or hub id, as messages name it."""
        ...

    def __len__(self) -> int:
        """The number of pictures, including those that turn out to be bad."""
        ...

    @property
    def labels(self) -> np.ndarray | None:
        """The class of each picture, (N,) int64; None without classes."""
        ...

    def digest(self) -> str:
        """Return a digest that changes whenever a picture or a label changes."""
        ...


@runtime_checkable
class SourceOfFiles(Protocol):
    """A source that reads its pictures from files, so that user pictures can be told from training pictures."""

    def file(self, index: int) -> Path:
        """Return the file of a picture; several pictures may share one."""
        ...


@runtime_checkable
class SourceWithClasses(Protocol):
    """A source whose labels have names."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes in the order of their labels; empty if they have none."""
        ...


@runtime_checkable
class SourceWithRemarks(Protocol):
    """A source that a user may read with wrong expectations, for example because it leaves files out."""

    def remarks(self) -> Sequence[str]:
        """Return a line for each thing that a user may not expect; empty if there is none. Raises `UsageError`."""
        ...


@runtime_checkable
class SourceWithGroups(Protocol):
    """A source whose pictures are in groups, such as patients."""

    @property
    def of_picture(self) -> Sequence[str]:
        """The group of each picture."""
        ...


@dataclass(frozen=True, eq=False)
class Subset:
    """Some pictures of a source, in the order of the source."""

    source: Source
    rows: np.ndarray
    """Indices into the source, (N,) int64."""

    @property
    def where(self) -> str:
        """The place of the whole source."""
        return self.source.where

    def __len__(self) -> int:
        """The number of pictures in the subset."""
        return len(self.rows)

    def name(self, index: int) -> str:
        """Return the name of a picture in the source."""
        return self.source.name(int(self.rows[index]))

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open a picture of the source."""
        return self.source.picture(int(self.rows[index]))

    @property
    def labels(self) -> np.ndarray | None:
        """The labels of the pictures in the subset, (N,) int64; None without classes."""
        labels = self.source.labels
        return None if labels is None else labels[self.rows]

    def digest(self) -> str:
        """Return a digest of the source and the selected rows."""
        return hashlib.blake2b(self.source.digest().encode() + self.rows.tobytes(), digest_size=16).hexdigest()


def whole_source(source: Source) -> Source:
    """Return the source of which a source is a subset, or the source itself."""
    while isinstance(source, Subset):
        source = source.source
    return source


def rows_of_whole(source: Source) -> Sequence[int]:
    """Return the row of each picture in the source of which a source is a subset."""
    rows: Sequence[int] | np.ndarray = range(len(source))
    while isinstance(source, Subset):
        rows, source = source.rows[rows], source.source
    return rows.tolist() if isinstance(rows, np.ndarray) else rows


def files_of(source: Source) -> Iterator[Path]:
    """Yield the files that a source reads; nothing for a source that is not known to read files."""
    whole = whole_source(source)
    if isinstance(whole, SourceOfFiles):
        # the rows of an array share one
        yield from (file for file, _ in groupby(whole.file(row) for row in rows_of_whole(source)))


def select_by_name(source: Source, wanted: Callable[[str], bool]) -> Subset:
    """Return the pictures for whose name `wanted` returns True."""
    rows = [index for index in range(len(source)) if wanted(source.name(index))]
    return Subset(source, np.asarray(rows, np.int64))


@dataclass(frozen=True, eq=False)
class NameSubset(Subset):
    """The pictures of a split that digests of names decide."""

    asked: float  # the share that is to be held out
    held_out: float  # the share that is held out

    def remarks(self) -> list[str]:
        """Return a line if the share is not what was asked for."""
        if not is_far(self.held_out, self.asked):
            return []
        got = f"{self.held_out:.2g} of {count(len(self.source), 'picture')}"
        return [
            f"[data] hold_out: a share of {self.asked:g} is asked for, and {got} is held out, as their names decide"
        ]


def is_far(got: float, asked: float) -> bool:
    """Return whether a share differs from the one that was asked for by more than `FAR` of it."""
    return abs(got - asked) > FAR * asked


def split_by_name(source: Source, split: str, share: float) -> Subset:
    """Return the "train" or the "test" pictures of a source that has no split.

    A digest of its name decides whether a picture is held out, so a picture keeps its split when others are added or
    removed. Raises `UsageError` if the split is empty.
    """
    rows = select_by_name(source, lambda name: is_held_out(name, share) == (split == "test")).rows
    mine = len(rows) / max(len(source), 1)
    subset = NameSubset(source, rows, share, mine if split == "test" else 1 - mine)
    if not len(subset):
        pictures = count(len(source), "picture")
        raise UsageError(
            f"[data] {source.where}: the {split} split is empty when a share of {share:g} of {pictures} is held out by "
            f"name. {_advise_share(source)}, or give separate held-out pictures."
        )
    return subset


def _advise_share(source: Source) -> str:
    """Return advice to add pictures, or to set the smallest tenth that leaves neither split empty, if there is one."""
    names = [source.name(index) for index in range(len(source))]
    tenths = [tenth / 10 for tenth in range(1, 10)]
    fitting = [share for share in tenths if 0 < sum(is_held_out(name, share) for name in names) < len(names)]
    return f"Set hold_out = {fitting[0]:g}, add pictures" if fitting else "Add pictures"


def is_held_out(name: str, share: float) -> bool:
    """Return whether the picture with this name belongs to the `share` of pictures that is never trained on."""
    return (
        int.from_bytes(hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big") / 2**64
        < share
    )


def shown_name(name: str) -> str:
    """Return a name in printable characters: line breaks and control characters become Python escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 picture``, ``2,000 pictures``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
