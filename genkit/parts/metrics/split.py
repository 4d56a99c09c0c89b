"""Which split a metric reads, and how much of it."""

from __future__ import annotations

from typing import Literal

from genkit.core.types import Dataset

Split = Literal["train", "test"]  # "test": what the data set holds out


def split_and_size(data: Dataset, split: Split) -> tuple[str, int | None]:
    """Return the name of the split that is read, and how many samples it has; None where that is not known.

    Raises `ValueError` where the split cannot be read.
    """
    read = data if split == "train" else data.held_out()
    if split == "train" and data.split == "test":
        raise ValueError('split = "train" cannot be read: the data set reads its test split')
    # Where the data are unmet, the plan says so; how many samples there are cannot be known then.
    return read.split, None if read.unmet() else read.size


def readable_split(data: Dataset, split: Split, samples: int) -> str:
    """Return the name of the split that is read. Raises `ValueError` where it cannot be, or has fewer samples."""
    return split_and_number(data, split, samples, samples)[0]


def split_and_number(data: Dataset, split: Split, samples: int | None, most: int) -> tuple[str, int]:
    """Return the name of the split that is read, and how many of its samples: all of them, `most` at most, for None.

    For the means over samples alone: they are the same thing whatever the number, which the protocol says. A distance
    between distributions is not, and its number is to be chosen. Raises `ValueError` where the split cannot be read,
    or has fewer samples than asked for.
    """
    name, size = split_and_size(data, split)
    if samples is None:
        return name, most if size is None else min(size, most)
    if size is not None and size < samples:
        raise ValueError(
            f"samples = {samples} is more than the {size} samples of the {name} split. Set samples = {size}"
        )
    return name, samples
