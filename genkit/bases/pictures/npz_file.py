"""Arrays of a .npz file, read one at a time, after the header has told their shapes and sizes.

A .npz is a zip archive of .npy files. An archive of a few kilobytes may unpack to more than the memory.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib import format as npy

from genkit.console.quantities import quantity
from genkit.errors import UsageError
from genkit.storage.memory import physical_memory

MEMBER = ".npy"  # suffix of an array in the archive
UNSUSPICIOUS = 2**28  # bytes that an array may have, however well they are compressed
MOST_COMPRESSED = 200  # zip compresses a constant by a thousand, and pictures by less than ten


class Header(NamedTuple):
    """What is known about an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    packed: int  # bytes in the archive

    @property
    def nbytes(self) -> int:
        """The size of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class NpzFile:
    """The arrays of an archive by name. Methods raise what `zipfile`, `zlib` and NumPy raise for a damaged archive."""

    path: Path

    @cached_property
    def headers(self) -> dict[str, Header]:
        """The headers of all arrays. Raises `ValueError` if one does not fit its content."""
        with zipfile.ZipFile(self.path) as archive:
            return {
                info.filename.removesuffix(MEMBER): _read_header(archive, info)
                for info in archive.infolist()
                if info.filename.endswith(MEMBER)
            }

    def array(self, name: str) -> np.ndarray:
        """Return an array. Raises `UsageError` if it is too large for the memory."""
        header = self.headers[name]
        suspicious = header.nbytes > max(UNSUSPICIOUS, MOST_COMPRESSED * header.packed)
        if suspicious or header.nbytes > (physical_memory() or math.inf):
            raise UsageError(
                f"[data] {self.path}: the array {name!r} would take {quantity(header.nbytes, 'B')} of memory. "
                "Save it with numpy.save: a .npy file is read from the disk."
            )
        with zipfile.ZipFile(self.path) as archive, archive.open(name + MEMBER) as file:
            return npy.read_array(file, allow_pickle=False)


def _read_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    with archive.open(info) as file:
        version = npy.read_magic(file)
        read = (
            npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        )  # 3.0 differs in names only
        shape, _, dtype = read(file)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects")
        header = Header(shape, dtype, info.compress_size)
        if file.tell() + header.nbytes != info.file_size:
            raise ValueError(f"{info.filename} has {info.file_size} bytes, its header declares {header.nbytes}")
    return header
