"""MNIST: 60,000 training and 10,000 test images of handwritten digits, grey, 28 x 28.

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition",
https://doi.org/10.1109/5.726791. genkit does not download the data itself: it reads a folder, or what the `datasets`
library loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from genkit.api import PublishedSet
from genkit.api.pictures import read_idx

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


@dataclass(frozen=True)
class MNIST(PublishedSet):
    """The digits in the four idx files of the authors, compressed with gzip or not, or of a hub id."""

    NAME: ClassVar[str] = "MNIST"
    SHAPE: ClassVar[tuple[int, int, int]] = (1, 28, 28)
    FILES: ClassVar[Mapping[str, tuple[str, ...]]] = FILES
    KIND: ClassVar[str] = "the four idx files"
    SUFFIX: ClassVar[str] = " (with or without .gz)"
    EXAMPLE: ClassVar[str] = "ylecun/mnist"

    @property
    def labels_are_digits(self) -> bool:
        """True."""
        return True

    def read_files(self, files: list[Path]) -> tuple[np.ndarray, np.ndarray]:
        """Return images, (N, H, W), and labels, (N,)."""
        images, labels = map(read_idx, files)
        return images, labels

    def file(self, name: str) -> Path:
        """Return the path of the plain file, or of the compressed one if the plain file does not exist."""
        plain = self.folder / name
        return plain if plain.exists() else plain.with_name(f"{name}.gz")
