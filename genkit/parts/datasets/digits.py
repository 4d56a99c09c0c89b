"""Real digits without a download: a subset of MNIST that is packaged with genkit.

How it was chosen, where it comes from and under what terms it is shared: ``DIGITS.md`` beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genkit.parts.datasets.base.image_set import Arrays, ImageSet

FILE = Path(__file__).with_name("digits.npz")


@dataclass(frozen=True)
class Digits(ImageSet):
    """5,000 digits of MNIST's train set to train on, and 1,000 of its test set; equally many of each class."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one digit."""
        return (1, 28, 28)

    @property
    def size(self) -> int:
        """The number of digits; reads the split."""
        return len(self.arrays.images)

    def unmet(self) -> tuple[str, ...]:
        """Nothing has to be had: the digits are part of the package."""
        return ()

    def read(self) -> Arrays:
        """Read the whole split, (N, 1, 28, 28) and (N,)."""
        with np.load(FILE, allow_pickle=False) as held:
            return Arrays(held[f"{self.split}_images"][:, None], held[f"{self.split}_labels"])
