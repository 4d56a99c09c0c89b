"""CIFAR-10: 50,000 training and 10,000 test photographs of ten classes, colour, 32 x 32.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images",
https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf. The authors distribute three versions. genkit reads
the binary one: a record is one byte for the class and 3,072 bytes for the pixels, red, green, blue, each row by row.
The Python version is pickled code, which genkit does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from genkit.api import PublishedSet, UsageError, check_regular, describe_os_error
from genkit.api.pictures import FlipKey

RECORD_BYTES = 1 + 3 * 32 * 32
MOST_RECORDS = 100_000  # a file of the authors has 10,000
ARCHIVE_FOLDER = "cifar-10-batches-bin"  # the folder in the archive of the authors


@dataclass(frozen=True)
class CIFAR10(PublishedSet):
    """The photographs in the binary files of the authors, or of a hub id."""

    flip: FlipKey = False

    NAME: ClassVar[str] = "CIFAR-10"
    SHAPE: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    FILES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test": ("test_batch.bin",),
    }
    KIND: ClassVar[str] = "the six .bin files"
    SUFFIX: ClassVar[str] = ""
    EXAMPLE: ClassVar[str] = "uoft-cs/cifar10"

    def read_files(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        """Return images, (N, H, W, C), and labels, (N,)."""
        records = np.concatenate([_records(path) for path in files])
        return np.moveaxis(records[:, 1:].reshape(-1, *self.SHAPE), 1, -1), records[:, 0]

    def file(self, name: str) -> Path:
        """Return the path of the file, in the folder of the archive if it is there, or else in `path` itself."""
        unpacked = self.folder / ARCHIVE_FOLDER / name
        return unpacked if unpacked.exists() else self.folder / name


def _records(path: Path) -> np.ndarray:
    """Return the records of a file, (N, RECORD_BYTES) uint8. Raises `UsageError` for any other file."""
    try:
        check_regular(path)
        size = path.stat().st_size
        content = np.fromfile(path, np.uint8) if size <= MOST_RECORDS * RECORD_BYTES else np.empty(0, np.uint8)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {describe_os_error(error, path)}.") from None
    if not len(content) or len(content) % RECORD_BYTES or content[::RECORD_BYTES].max() > 9:
        raise UsageError(
            f"{path}: not a file of the binary version of CIFAR-10; found {size:,} bytes, expected a multiple "
            f"of {RECORD_BYTES:,}, at most {MOST_RECORDS * RECORD_BYTES:,}, with a class from 0 to 9 at the start "
            "of each record. Download it again."
        )
    return content.reshape(-1, RECORD_BYTES)
