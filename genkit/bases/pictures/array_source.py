"""Source of the pictures in a NumPy array."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.bases.pictures.array_picture import ArrayPicture, Layout
from genkit.storage.mapped_file import check_mapped

SAMPLED_ROWS = 64  # pictures whose values are part of the digest and show the range of the values


@dataclass(frozen=True, eq=False)
class ArraySource:
    """The pictures of an array of numbers; the name of a picture is its row."""

    path: Path
    array: np.ndarray  # its dimensions are those of `layout`
    layout: Layout
    labels: np.ndarray | None  # (N,) int64
    member: str = ""  # the name of the array, if its file has several

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.array)

    def describe(self) -> str:
        """Return how the array is read: ``64 grey pictures, 32 high and 16 wide``."""
        axes = {axis: size for axis, size in zip(self.layout, self.array.shape, strict=True)}
        channels = {1: "grey", 3: "colour", 4: "colour and alpha"}[axes.get("C", 1)]
        named = f"the array {self.member!r}, " if self.member else ""
        return f"{named}{len(self):,} pictures, {channels}, {axes['H']} high and {axes['W']} wide"

    def name(self, index: int) -> str:
        """Return ``row 7``."""
        return f"row {index}"

    def file(self, index: int) -> Path:
        """Return the file of the array."""
        return self.path

    def picture(self, index: int) -> ArrayPicture:
        """Return the row."""
        check_mapped(self.array)
        pixels = np.asarray(self.array[index])
        if self.layout == "NCHW":
            pixels = np.moveaxis(pixels, 0, -1)
        return ArrayPicture(pixels[..., None] if pixels.ndim == 2 else pixels)

    def some_rows(self) -> Iterator[np.ndarray]:
        """Yield at most `SAMPLED_ROWS` rows, spread over the array."""
        for row in np.unique(np.linspace(0, len(self.array) - 1, SAMPLED_ROWS).astype(int)):
            yield self.array[row]

    def digest(self) -> str:
        """Return a digest of the size and modification time of the file, of some rows, and of all labels."""
        status = self.path.stat()
        digest = hashlib.blake2b(f"{status.st_size} {status.st_mtime_ns} {self.array.shape}".encode(), digest_size=16)
        for row in self.some_rows():
            digest.update(np.ascontiguousarray(row).tobytes())
        digest.update(f"{self.layout}".encode() + (b"" if self.labels is None else self.labels.tobytes()))
        return digest.hexdigest()
