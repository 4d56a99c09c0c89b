"""Choice of the data split and of the number of samples that a metric reads, checked before the run starts."""

from __future__ import annotations

from typing import Literal

from genkit.core.dataset import Dataset

Split = Literal["train", "test"]
"""Split that a metric reads; "test" is the held-out split."""


def split_and_size(data: Dataset, split: Split) -> tuple[str, int | None]:
    """Return the name of the split to read and its number of samples, or None if the number is unknown.

    Raises `ValueError` if the split is not available.
    """
    read = data if split == "train" else data.held_out()
    if split == "train" and data.split == "test":
        raise ValueError('split = "train" is not available, because [data] reads the test split. Set split = "test"')
    # The size of missing data is unknown. The plan reports them as unmet.
    return read.split, None if read.unmet() else read.size


def require_split(data: Dataset, split: Split, samples: int) -> str:
    """Return the name of the split to read. Raises `ValueError` if it is not available or has too few samples."""
    return split_and_samples(data, split, samples, samples)[0]


def split_and_samples(
    data: Dataset, split: Split, samples: int | None, most: int, key: str = "samples"
) -> tuple[str, int]:
    """Return the name of the split to read and how many of its samples: `samples`, or all up to `most` if None.

    `key` is that of `samples` in the recipe.

    Use None only for metrics that are means over samples, whose expected value does not depend on the number. Distances
    between distributions depend on it, so the recipe has to choose it.

    Raises `ValueError` if the split is not available or has too few samples.
    """
    name, size = split_and_size(data, split)
    if samples is None:
        return name, most if size is None else min(size, most)
    if size is not None and size < samples:
        raise ValueError(
            f"{key} = {samples} exceeds the {size} samples of the {name} split. Set {key} = {size} or less"
        )
    return name, samples
