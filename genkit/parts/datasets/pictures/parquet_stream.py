"""A set larger than memory and disk, read piece by piece, in an order that is a function of (seed, position).

The footer of a parquet file tells how many rows each of its row groups has, so that any picture is found without
reading those before it. A pass over the set permutes the row groups, cuts them into windows of at least `window`
pictures, and permutes the pictures of each window. So position p of a run is the same picture whenever it is asked for:
a resume opens the window that it stopped in, and nothing is skipped through. In memory are two windows, encoded as in
the file.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from genkit.core.noise import seed_of
from genkit.errors import UsageError
from genkit.parts.datasets.pictures.decode import in_order
from genkit.parts.datasets.pictures.hf_source import open_encoded

if TYPE_CHECKING:
    from PIL.Image import Image


class Piece(NamedTuple):
    """A row group of a file."""

    file: str  # a path, or an address that fsspec opens
    group: int
    rows: int
    nbytes: int


class ParquetRow(NamedTuple):
    """A picture as the file holds it."""

    name: str
    encoded: Any  # {"bytes": ..., "path": ...}
    label: int | None


class Pass(NamedTuple):
    """One pass over the set."""

    windows: tuple[tuple[int, ...], ...]  # numbers of pieces
    starts: tuple[int, ...]  # the first position of each window within the pass


@dataclass(frozen=True)
class Window:
    """Some rows in the order in which they are read: numbered pictures."""

    rows: tuple[ParquetRow, ...]

    def name(self, index: int) -> str:
        """Return the file and the place in it."""
        return self.rows[index].name

    def picture(self, index: int) -> Image:
        """Open the picture of a row."""
        return open_encoded(self.rows[index].encoded)


@dataclass(frozen=True, eq=False)
class ParquetStream:
    """The pictures of some parquet files."""

    pieces: tuple[Piece, ...]
    column: str
    label_column: str | None
    window: int  # pictures that are shuffled together, at least

    @cached_property
    def total(self) -> int:
        """The number of pictures of a pass."""
        return sum(piece.rows for piece in self.pieces)

    def digest(self) -> str:
        """Return a text that is another one where the row groups are: how many, of how many rows and bytes."""
        facts = [(piece.group, piece.rows, piece.nbytes) for piece in self.pieces]
        return hashlib.blake2b(repr(facts).encode(), digest_size=16).hexdigest()

    def at(self, position: int, seed: int | None) -> tuple[Window, int]:
        """Return the window of a position and the place in it; `seed` None is the order of the files."""
        number, within = divmod(position, self.total)
        windows, starts = self._pass(seed, number)
        place = bisect_right(starts, within) - 1
        return self._window(windows[place], seed, number, place), within - starts[place]

    @cached_property
    def _pass(self) -> Any:
        return lru_cache(maxsize=2)(self._make_pass)

    @cached_property
    def _window(self) -> Any:
        return lru_cache(maxsize=2)(self._read_window)  # a batch may reach from one into the next

    def _make_pass(self, seed: int | None, number: int) -> Pass:
        order = range(len(self.pieces)) if seed is None else _permutation(len(self.pieces), seed, "pieces", number)
        windows: list[tuple[int, ...]] = []
        waiting: list[int] = []
        for piece in order:
            waiting.append(piece)
            # In the order of the files every piece is a window: few pictures are asked for, far from each other.
            if seed is None or self._rows(waiting) >= self.window:
                windows.append(tuple(waiting))
                waiting = []
        windows += [tuple(waiting)] if waiting else []
        return Pass(tuple(windows), (0, *accumulate(self._rows(window) for window in windows[:-1])))

    def _rows(self, pieces: Sequence[int]) -> int:
        return sum(self.pieces[piece].rows for piece in pieces)

    def _read_window(self, pieces: tuple[int, ...], seed: int | None, number: int, place: int) -> Window:
        rows = [row for piece in pieces for row in self._read(self.pieces[piece])]
        if seed is None:
            return Window(tuple(rows))
        return Window(tuple(rows[index] for index in _permutation(len(rows), seed, "rows", number, place)))

    def labels(self) -> list[int | None]:
        """Return the column of labels in the order of the files; empty where there is none."""
        if self.label_column is None:
            return []
        column = self.label_column
        return [label for piece in self.pieces for label in _columns(piece, [column])[column].to_pylist()]

    def _read(self, piece: Piece) -> list[ParquetRow]:
        table = _columns(piece, [self.column] if self.label_column is None else [self.column, self.label_column])
        labels = [None] * len(table) if self.label_column is None else table[self.label_column].to_pylist()
        pictures = table[self.column].to_pylist()
        where = f"{piece.file}, row group {piece.group}"
        return [
            ParquetRow(f"{where}, row {index}", picture, label)
            for index, (picture, label) in enumerate(zip(pictures, labels, strict=True))
        ]


@dataclass(frozen=True, eq=False)
class InFileOrder:
    """The pictures of one pass in the order of the files: a source."""

    stream: ParquetStream
    where: str

    def __len__(self) -> int:
        """The number of pictures."""
        return self.stream.total

    def name(self, index: int) -> str:
        """Return the file, the row group and the row."""
        window, place = self.stream.at(index, None)
        return window.name(place)

    def picture(self, index: int) -> Image:
        """Open the picture of a row."""
        window, place = self.stream.at(index, None)
        return window.picture(place)

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The column of labels, read from all files; None as well where some are missing."""
        labels = self.stream.labels()
        return None if not labels or None in labels else np.asarray(labels, np.int64)

    def digest(self) -> str:
        """Return the digest of the stream."""
        return self.stream.digest()


def pieces_of(files: Sequence[str]) -> tuple[Piece, ...]:
    """Return the row groups of some files, from their footers."""
    with closing(in_order(_footer, files)) as footers:
        return tuple(piece for pieces in footers for piece in pieces if piece.rows)


def open_parquet(file: str) -> Any:
    """Open a parquet file, on this disk or on a hub."""
    import fsspec
    from pyarrow.parquet import ParquetFile

    system, path = fsspec.core.url_to_fs(file)
    return ParquetFile(system.open(path, "rb"))


def _columns(piece: Piece, names: list[str]) -> Any:
    try:
        with open_parquet(piece.file) as file:
            return file.read_row_group(piece.group, columns=names)
    except Exception as error:  # a disk, a network, a file that has changed
        raise UsageError(f"[data] {piece.file}: row group {piece.group} cannot be read: {error}") from error


def _footer(file: str) -> list[Piece]:
    with open_parquet(file) as opened:
        about = opened.metadata
        return [
            Piece(file, number, group.num_rows, group.total_byte_size)
            for number, group in enumerate(map(about.row_group, range(about.num_row_groups)))
        ]


def _permutation(size: int, *key: object) -> list[int]:
    return torch.randperm(size, generator=torch.Generator().manual_seed(seed_of("stream", *key))).tolist()
