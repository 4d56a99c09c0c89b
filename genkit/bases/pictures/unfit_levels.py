"""Remarks on levels that do not seem to fit the pictures of a run, found while the pictures are prepared."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.bases.datasets.picture_set import PictureSet
from genkit.core.dataset import Dataset


def remarks_on_levels(*splits: Dataset) -> Iterator[str]:
    """Yield a line for each split whose levels clip most of the values, or are far wider than the values."""
    for data in splits:
        levels = data.levels if isinstance(data, PictureSet) else None
        values = data.prepared.values if isinstance(data, PictureSet) and levels else None
        if levels and values and (text := values.remark(levels)):
            yield f"[data] {data.split} split: {text}; `genkit data check RECIPE` shows the values"
