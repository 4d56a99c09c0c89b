"""Data without the random flips of training, where each sample is to be read as it is."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from genkit.core.dataset import Dataset


def without_flips(data: Dataset) -> Dataset:
    """Return the data with the key `flip`, if they have it, set to False."""
    if is_dataclass(data) and "flip" in {field.name for field in fields(data)}:
        found: Dataset = replace(data, flip=False)
        return found
    return data
