"""The user's own sets of pictures, with names that tell them apart, and the checks that keep them apart from the data.

Files are compared by the place that they have on disk, so links are followed. A copy of a training picture is another
file, which no check finds.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.pictures.changed_sizes import implied_changes, usual_changes
from genkit.bases.pictures.file_keys import keyed
from genkit.bases.pictures.source import files_of
from genkit.bases.pictures.transform import Transform
from genkit.bases.pictures.user_pictures import (
    UserPictures,
    open_user_pictures,
    transform_for,
)
from genkit.core.dataset import Dataset
from genkit.errors import UsageError


def open_user_sets(places: Sequence[Path], data: Dataset, shape: tuple[int, ...], option: str) -> list[UserPictures]:
    """Return the pictures at each place, with the transform of the data. `option` is the one that named the places.

    They remark on changes of size and depth that the training pictures do not undergo, as far as this is known.

    Raises `UsageError` for a place without pictures, one that is given twice, and a model that takes no pictures.
    """
    try:
        transform = transform_for(data, shape)
    except ValueError as error:
        raise UsageError(f"{option} {places[0]}: {error}.") from None
    opened: list[UserPictures] = []
    usual = _usual_changes(data, transform)
    for place in places:
        if any(os.path.samefile(place, other.place) for other in opened if os.path.exists(place)):
            raise UsageError(f"{option} {place}: given twice. Leave out one of them.")
        opened.append(open_user_pictures(place, transform, option, usual))
    return opened


def _usual_changes(data: Dataset, transform: Transform) -> frozenset[str]:
    """Return the changes that the transform makes to training pictures; none for arrays.

    Of pictures that are not at hand, only those are known that the crop in [data] implies.
    """
    if not isinstance(data, PictureSet):
        return frozenset()
    if data.library is not None or data.unmet():
        return implied_changes(transform) if transform == data.transform else frozenset()
    return usual_changes(data.listed, transform)


def refuse_trained_on(sets: Sequence[UserPictures], data: Dataset) -> None:
    """Raise `UsageError` if the model was trained on any picture of the sets. `data` are the training data."""
    why = "A training picture looks more normal than a new one. Give pictures that the run has not seen"
    refuse_shared_files(sets, split_files(data), "the model was trained on", why)


def refuse_shared_files(sets: Sequence[UserPictures], others: Iterator[Path], which: str, why: str) -> None:
    """Raise `UsageError` if a picture of the sets is one of these files; the message says which files, and why not."""
    own = [dict(keyed(pictures.files())) for pictures in sets]
    shared: list[list[Path]] = [[] for _ in sets]
    for key, _ in keyed(others):  # once, since the training data may have millions of files
        for files, found in zip(own, shared, strict=True):
            if key in files:
                found.append(files[key])
    for pictures, found in zip(sets, shared, strict=True):
        if found:
            number = f"{len(found):,} of the {len(pictures):,} pictures, such as " * (len(pictures) > 1)
            raise UsageError(f"{pictures.option} {pictures.place}: {which} {number}{found[0]}. {why}.")


def split_files(data: Dataset) -> Iterator[Path]:
    """Yield the files of a split of the data; nothing for data that are not read from the user's own files."""
    if isinstance(data, PictureSet) and data.library is None and not data.unmet():
        yield from files_of(data.listed)


def set_names(places: Sequence[Path], taken: Collection[str] = ()) -> list[str]:
    """Return a name for each place: its last part, or as many parts as it takes to be different from all others."""
    parts = [place.absolute().parts for place in places]
    lengths = [1] * len(places)
    while True:
        names = ["/".join(each[-length:]).strip("/") or "/" for each, length in zip(parts, lengths, strict=True)]
        clashes = [name in taken or names.count(name) > 1 for name in names]
        longer = [min(length + clash, len(each)) for each, length, clash in zip(parts, lengths, clashes, strict=True)]
        if longer == lengths:
            return names
        lengths = longer
