"""Which samples two data sets share, so that a metric calls none of them abnormal that are normal or were trained on.

Pictures that are read from files of the user are compared by file, as `genkit score` compares them. Those of other sets
are compared by the keys that choose them; a set that alters some samples of another one shares the rest. A copy of a
picture is another picture, which no comparison finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from genkit.bases.datasets.keys_only import KeysOnly
from genkit.bases.datasets.picture_set import PictureSet
from genkit.core.dataset import Dataset
from genkit.core.known_data import AlteredDataset
from genkit.storage.user_path import user_path

SIZE = {"resolution", "channels", "crop", "filter", "background"}
VALUES = {"window", "value_window", "percentiles"}
READING = {*SIZE, *VALUES, "flip", "on_bad", "store"}
"""Keys of sets of pictures that say how a picture is read, and not which pictures are read."""
ADVICE = "Give another data set, or `classes` or files that [data] does not have"


def refuse_normal(other: Dataset, normal: Dataset) -> None:
    """Raise `ValueError` if a sample of the set of abnormal samples is known to be among the normal ones."""
    if other == normal:
        raise ValueError("`other` is the same split of the same data set as [data], so nothing is abnormal")
    if shared := shared_samples(other, normal):
        raise ValueError(
            f"{shared} of `other` are also in the {normal.split} split of [data], whose samples are normal. {ADVICE}"
        )


def refuse_trained_on(other: Dataset, data: Dataset) -> None:
    """Raise `ValueError` if a sample of the second data set is known to be among the training data."""
    if data.held_out() == data:
        return  # a density draws fresh points, which no model was trained on
    if shared := "the samples" if other == data else shared_samples(other, data):
        raise ValueError(
            f"{shared} of `other` are also in the {data.split} split of [data], so the model was trained on them, and "
            f'they look more normal than new ones. {ADVICE}, or set other_split = "test"'
        )


def shared_samples(some: Dataset, others: Dataset) -> str:
    """Return which samples of a data set another one is known to have, ``"7 of the 20 samples"``; "" if none is."""
    for each in _with_unaltered(some):
        for other in _with_unaltered(others):
            if (each is not some or other is not others) and _shared(each, other):
                return "unaltered samples"
    return _shared(some, others)


def _with_unaltered(data: Dataset) -> Iterator[Dataset]:
    yield data
    if isinstance(data, AlteredDataset) and data.unaltered is not None:
        yield data.unaltered


def _shared(some: Dataset, others: Dataset) -> str:
    if not (isinstance(some, KeysOnly) and isinstance(others, KeysOnly)):
        return ""
    if isinstance(some, PictureSet) and isinstance(others, PictureSet) and some.library is None:
        number = len(np.intersect1d(some.file_keys, others.file_keys, assume_unique=True))
        return f"{number:,} of the {len(some.file_keys):,} samples" * (number > 0)
    if type(some) is not type(others) or some.split != others.split or _chosen_by(some) != _chosen_by(others):
        return ""
    own, known = (getattr(each, "classes", None) for each in (some, others))  # a stream has no such key
    if own is None or known is None:
        return "samples" if known else "the samples"
    both = sorted({*own} & {*known})
    return f"the samples of the classes {both}" if both else ""


def _chosen_by(data: KeysOnly) -> Mapping[str, Any]:
    """Return the keys that choose the pictures of a split, but for the classes."""
    keys = fields(data)  # type: ignore[arg-type]
    names = {item.name for item in keys} - READING - {"split", "classes"}
    found = {name: getattr(data, name) for name in names}
    return {name: user_path(value).resolve() if isinstance(value, Path) else value for name, value in found.items()}
