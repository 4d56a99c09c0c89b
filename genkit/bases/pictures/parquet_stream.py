"""Stream of the pictures in parquet files that may be larger than the memory and the disk.

A stream has no end: position p = 0, 1, 2, ... counts the pictures of a run. The picture at p is a pure function of the
seed, p, and the row groups of the files. With N the number of pictures in all files:

1. p = epoch · N + offset.
2. The row groups are permuted by a generator seeded with (seed, epoch).
3. The permuted row groups are cut into windows. A window ends once it has at least `window` pictures.
4. The pictures of each window are permuted by a generator seeded with (seed, epoch, number of the window).
5. The picture at `offset` in the concatenated windows is the picture at p.

No step depends on the positions that were read before. A resumed run therefore gets the same pictures as a run that was
never interrupted: it computes the window of the position at which the run stopped, and reads only that window. The
number of rows in each row group is in the footers of the files, so steps 1 to 3 read no pictures.

Two windows are kept in memory, with the pictures encoded as in the files. Without a seed (the held-out split, or an
inspection of all pictures) the order is that of the files, and each row group is a window.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from genkit.bases.pictures.hf_source import open_encoded
from genkit.bases.pictures.parquet_files import PictureRow, RowGroup, read_columns, read_rows
from genkit.core.noise import seed_of

if TYPE_CHECKING:
    from PIL.Image import Image

    from genkit.bases.pictures.array_picture import ArrayPicture


class EpochOrder(NamedTuple):
    """The order of one epoch: its windows, and where each starts."""

    windows: tuple[tuple[int, ...], ...]  # the row groups of each window, as indices into `ParquetStream.row_groups`
    starts: tuple[int, ...]  # the first offset of each window within the epoch


@dataclass(frozen=True)
class Window:
    """The pictures of one window in the order in which they are read."""

    rows: tuple[PictureRow, ...]

    def name(self, index: int) -> str:
        """Return the file, the row group and the row."""
        return self.rows[index].name

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open a picture."""
        return open_encoded(self.rows[index].encoded)


@dataclass(frozen=True, eq=False)
class ParquetStream:
    """An endless stream of the pictures in some parquet files; see the docstring of the module for its order."""

    row_groups: tuple[RowGroup, ...]
    column: str
    label_column: str | None
    window: int
    """The least number of pictures that are shuffled together."""

    @cached_property
    def total(self) -> int:
        """The number of pictures of an epoch."""
        return self._count_rows(range(len(self.row_groups)))

    def digest(self) -> str:
        """Return a digest of all that the order depends on besides the seed: the row groups, with rows and bytes."""
        facts = [(group.number, group.rows, group.nbytes) for group in self.row_groups]
        return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()

    def at(self, position: int, seed: int | None) -> tuple[Window, int]:
        """Return the window of a position, and the index of its picture in the window.

        `seed` is that of the run; None means the order of the files.
        """
        epoch, offset = divmod(position, self.total)
        windows, starts = self._epoch_order(seed, epoch)
        number = bisect_right(starts, offset) - 1
        return self._window(windows[number], seed, epoch, number), offset - starts[number]

    def labels(self) -> list[int | None]:
        """Return all labels in the order of the files; empty without a column of labels."""
        if self.label_column is None:
            return []
        column = self.label_column
        return [label for group in self.row_groups for label in read_columns(group, [column])[column].to_pylist()]

    @cached_property
    def _epoch_order(self) -> Any:
        return lru_cache(maxsize=2)(self._order_epoch)

    @cached_property
    def _window(self) -> Any:
        return lru_cache(maxsize=2)(self._read_window)  # two, since a batch may reach from one window into the next

    def _order_epoch(self, seed: int | None, epoch: int) -> EpochOrder:
        groups = range(len(self.row_groups))
        order = groups if seed is None else _permutation(len(groups), seed, "pieces", epoch)
        windows: list[tuple[int, ...]] = []
        current: list[int] = []
        for group in order:
            current.append(group)
            # In the order of the files each row group is a window: the few pictures that are read are far apart.
            if seed is None or self._count_rows(current) >= self.window:
                windows.append(tuple(current))
                current = []
        windows += [tuple(current)] if current else []
        return EpochOrder(tuple(windows), (0, *accumulate(self._count_rows(window) for window in windows[:-1])))

    def _count_rows(self, groups: Sequence[int]) -> int:
        return sum(self.row_groups[group].rows for group in groups)

    def _read_window(self, groups: tuple[int, ...], seed: int | None, epoch: int, number: int) -> Window:
        rows = [row for group in groups for row in read_rows(self.row_groups[group], self.column, self.label_column)]
        if seed is None:
            return Window(tuple(rows))
        return Window(tuple(rows[index] for index in _permutation(len(rows), seed, "rows", epoch, number)))


@dataclass(frozen=True, eq=False)
class FileOrderSource:
    """Source of the pictures of one epoch, in the order of the files."""

    stream: ParquetStream
    where: str

    def __len__(self) -> int:
        """The number of pictures."""
        return self.stream.total

    def name(self, index: int) -> str:
        """Return the file, the row group and the row."""
        window, place = self.stream.at(index, None)
        return window.name(place)

    def picture(self, index: int) -> Image | ArrayPicture:
        """Open a picture."""
        window, place = self.stream.at(index, None)
        return window.picture(place)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The column of labels, (N,) int64, read from all files; None also if a label is missing."""
        labels = self.stream.labels()
        return None if not labels or None in labels else np.asarray(labels, np.int64)

    def digest(self) -> str:
        """Return the digest of the stream."""
        return self.stream.digest()


def _permutation(size: int, *key: object) -> list[int]:
    """Return a permutation that depends only on `key`; the texts in it are part of the seeds of existing runs."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed_of("stream", *key))).tolist()
