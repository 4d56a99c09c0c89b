"""CIFAR-10: 50,000 photographs of ten classes to train on and 10,000 to test, colour, 32 x 32.

Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images",
https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf. Of the authors' three versions this is the binary one:
a record is a byte for the class and 3,072 for the pixels, red, green, blue, each row by row. The Python version is
pickled code, which genkit does not run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np

from genkit.core.field_types import Doc
from genkit.errors import UsageError
from genkit.parts.datasets.base.author_files import PublishedSet
from genkit.storage.os_errors import describe_os_error

RECORD = 1 + 3 * 32 * 32
INNER = "cifar-10-batches-bin"  # the folder that the archive unpacks into


@dataclass(frozen=True)
class CIFAR10(PublishedSet):
    """The photographs of the binary version, or of the `datasets` library."""

    flip: Annotated[bool, Doc("mirror each training picture with probability 1/2, each time anew")] = False

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
        """Return the file, in the folder or in the one that the archive makes."""
        inner = self.folder / INNER / name
        return inner if inner.exists() else self.folder / name


def _records(path: Path) -> np.ndarray:
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {describe_os_error(error, path)}.") from None
    if not len(content) or len(content) % RECORD or content[::RECORD].max() > 9:
        raise UsageError(
            f"{path} is no batch of the binary version of CIFAR-10: it has {len(content):,} bytes, expected a multiple "
            f"of {RECORD:,}, each record with a class below 10 first. Get the file again."
        )
    return content.reshape(-1, RECORD)
