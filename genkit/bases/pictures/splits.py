"""The train split and the held-out split of a data set, inspected or prepared together.

The problems of both splits are collected, so that one command reports all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.pictures.bad_pictures import bad_pictures_error
from genkit.bases.pictures.inspect_pictures import PictureReport, inspect_pictures
from genkit.bases.pictures.listed_pictures import ListedPictures
from genkit.bases.pictures.prepare import prepare_and_verify
from genkit.bases.pictures.unfit_levels import remarks_on_levels
from genkit.core.dataset import Dataset
from genkit.errors import UsageError


class Inspection(NamedTuple):
    """Reports of the splits that have pictures, and the errors that a run on them would stop with."""

    reports: list[PictureReport]
    refusals: list[str]


class PreparedSplit(NamedTuple):
    """The store of one split."""

    split: str
    pictures: int
    bytes: int
    skipped: int  # bad pictures that were left out
    store: str  # its folder
    remark: str = ""  # why its levels may be those of other pictures


def both_splits(data: Dataset) -> list[Dataset]:
    """Return the train split and the held-out split. Raises `UsageError` with all that is absent."""
    splits = [data, data.held_out()]
    if unmet := dict.fromkeys(text for split in splits for text in split.unmet()):
        raise UsageError("\n".join(unmet))
    return splits


def remarks_on_splits(data: Dataset) -> list[str]:
    """Return what a user may not expect of the folder of a data set, such as pictures that no split reads."""
    splits = [split for split in (data, data.held_out()) if isinstance(split, PictureSet)]
    return list(dict.fromkeys(text for split in splits for text in split.remarks))


def inspect_splits(splits: Sequence[Dataset]) -> Inspection:
    """Decode every picture of the splits, and write nothing.

    Bad pictures are refused where `on_bad` says so, or where no good one is left.
    """
    inspection, seen = Inspection([], []), dict[bytes, str]()
    for data in splits:
        if not isinstance(data, ListedPictures):
            continue
        report = inspect_pictures(data, seen)
        inspection.reports.append(report)
        if report.values is not None and report.values.all_flat:
            where = f"{report.where}, {report.split} split"
            inspection.refusals.append(f"[data] {where}: {report.values.describe_flat()}")
        if report.bad and (data.on_bad == "refuse" or len(report.bad) == report.number):
            where = f"{report.where}, {report.split} split"
            inspection.refusals.append(str(bad_pictures_error(report.bad, report.number, where)))
    return inspection


def prepare_splits(splits: Sequence[Dataset]) -> list[PreparedSplit]:
    """Prepare the pictures of the splits, and replace damaged stores; data of other kinds need no preparation.

    Raises `UsageError` for bad pictures that the recipe does not skip.
    """
    prepared: list[PreparedSplit] = []
    refusals: list[str] = []
    for data in splits:
        if not isinstance(data, PictureSet):
            continue
        store = prepare_and_verify(data.source, data.transform, data.root)
        try:
            data.check_bad(store)
        except UsageError as error:
            refusals.append(str(error))
        pictures, remark = store.about["shape"][0], "".join(remarks_on_levels(data))
        prepared.append(PreparedSplit(data.split, pictures, store.nbytes, len(store.bad), str(store.path), remark))
    if refusals:
        raise UsageError("\n".join(refusals))
    return prepared
