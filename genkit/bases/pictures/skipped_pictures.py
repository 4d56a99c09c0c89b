"""Reports of the pictures that a run skips, as ``on_bad = "skip"`` allows."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.pictures.bad_pictures import list_bad_pictures
from genkit.bases.pictures.listed_pictures import DecodesInBatches
from genkit.bases.pictures.source import count
from genkit.core.dataset import Dataset


def skipped_before_training(*splits: Dataset) -> Iterator[str]:
    """Yield a line for each split whose preparation skipped pictures."""
    for data in splits:
        if isinstance(data, PictureSet) and data.skipped_pictures:
            pictures = count(len(data.skipped_pictures), "picture")
            yield (
                f'skipped {pictures} of the {data.split} split (on_bad = "skip"); `genkit data check RECIPE` lists them'
            )


def skipped_during_training(*splits: Dataset) -> Iterator[str]:
    """Yield a text for each split that is a stream and has skipped pictures; a stream decodes while a run trains."""
    for data in splits:
        if isinstance(data, DecodesInBatches) and (skipped := data.skipped_in_batches()):
            pictures, listed = count(len(skipped), "picture"), list_bad_pictures(skipped)
            yield f'skipped {pictures} of the {data.split} split (on_bad = "skip"):{listed}'
