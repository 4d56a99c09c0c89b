"""The second data set of a metric, its key `other`: which split is read, how much of it, and its shape."""

from __future__ import annotations

from collections.abc import Sequence

from genkit.bases.metrics.scoring import MOST_SAMPLES, known_size
from genkit.bases.metrics.split import Split
from genkit.core.dataset import Dataset


def split_of_other(other: Dataset, split: Split) -> Dataset:
    """Return the train split of a data set, or its held-out split."""
    return other if split == "train" else other.held_out()


def samples_of_other(other: Dataset, wanted: int | None) -> int:
    """Return the number of samples to read of a split: those that are wanted, or all, at most `MOST_SAMPLES`.

    Of data whose size is unknown it is the number that is wanted. Raises `ValueError` for a split with fewer samples
    than are wanted, or without any.
    """
    size, most = known_size(other), wanted or MOST_SAMPLES
    if size == 0:
        raise ValueError("`other` has no samples in its split. Set other_split, or give another data set")
    if size is None or size >= most:
        return most
    if wanted is not None:
        raise ValueError(
            f"other_samples = {wanted} exceeds the {size} samples of `other`. Set other_samples = {size} or less"
        )
    return size


def require_shape(other: Dataset, shape: Sequence[int]) -> None:
    """Raise `ValueError` unless samples of the second data set have the shape of those that the model is trained on."""
    if tuple(other.shape) != tuple(shape):
        raise ValueError(
            f"samples of `other` have the shape {tuple(other.shape)}, but the model is trained on "
            f"{tuple(shape)}. Give `other` keys that make them equal, such as resolution or channels"
        )
