"""Digits without a download: a subset of MNIST that is part of the package.

``DIGITS.md`` in this folder describes the source, the selection and the licence.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.api import Arrays, ImageSet
from genkit.api.pictures import ClassesKey

FILE = Path(__file__).with_name("digits.npz")


@dataclass(frozen=True)
class Digits(ImageSet):
    """5,000 training digits and 1,000 test digits from the same splits of MNIST, equally many of each class."""

    classes: ClassesKey = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one digit, (1, 28, 28)."""
        return (1, 28, 28)

    @property
    def labels_are_digits(self) -> bool:
        """True."""
        return True

    @property
    def size(self) -> int:
        """The number of digits; reads the split."""
        return len(self.arrays.images)

    def unmet(self) -> tuple[str, ...]:
        """Return nothing: the digits are part of the package."""
        return ()

    def has_labels(self) -> bool:
        """Return True: a label is the digit."""
        return True

    def read(self) -> Arrays:
        """Read the whole split, (N, 1, 28, 28) and (N,)."""
        with np.load(FILE, allow_pickle=False) as arrays:
            return Arrays(arrays[f"{self.split}_images"][:, None], arrays[f"{self.split}_labels"])
