"""Which split a metric reads."""

from __future__ import annotations

from typing import Literal

from genkit.types import Dataset

Split = Literal["train", "test"]  # "test": what the data set holds out


def readable_split(data: Dataset, split: Split, samples: int) -> str:
    """Return the name of the split that is read. Raises `ValueError` where it cannot be, or has fewer samples."""
    read = data if split == "train" else data.held_out()
    if split == "train" and data.split == "test":
        raise ValueError('split = "train" cannot be read: the data set reads its test split')
    # Where the data are unmet, the plan says so; how many samples there are cannot be known then.
    if not read.unmet() and read.size is not None and read.size < samples:
        raise ValueError(
            f"samples = {samples} is more than the {read.size} samples of the {read.split} split. "
            f"Set samples = {read.size}"
        )
    return read.split
