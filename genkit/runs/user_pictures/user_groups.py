"""Groups of the user's own pictures, such as patients, from a CSV file of the columns ``file`` and ``group``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genkit.bases.pictures.array_source import ArraySource
from genkit.bases.pictures.groups import Groups, read_groups
from genkit.bases.pictures.user_pictures import UserPictures

OPTION = "--groups"
WHAT = "the path below the folder of the set, with the name of the set before it where sets have files of one name"


def groups_of_sets(
    path: Path | None, names: Sequence[str], sets: Sequence[UserPictures]
) -> list[tuple[str, ...] | None]:
    """Return the groups of the pictures of each set; None without a file.

    A row names a picture by SET/FILE or by FILE, where SET is the name of the set and FILE the path below its folder,
    the name of the file, or the row of an array, from 0.

    Raises `UsageError` if the file cannot be read or lacks a picture.
    """
    if path is None:
        return [None] * len(sets)
    groups = read_groups(path, OPTION)
    return [tuple(_groups_of(groups, name, pictures)) for name, pictures in zip(names, sets, strict=True)]


def _groups_of(groups: Groups, name: str, pictures: UserPictures) -> list[str]:
    whole = isinstance(pictures.source, ArraySource)
    files = [str(index) if whole else pictures.source.name(index) for index in range(len(pictures))]
    named = {file: groups.of_file.get(f"{name}/{file}", groups.of_file.get(file)) for file in files}
    found = {file: group for file, group in named.items() if group is not None}
    return replace(groups, of_file=found).of(files, WHAT)
