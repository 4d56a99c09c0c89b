"""Train and test split of a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from genkit.bases.pictures.folder_source import FolderSource, list_files
from genkit.bases.pictures.folder_walk import (
    has_pictures,
    listing,
    picture_folders,
    visible_files,
    visible_folders,
)
from genkit.bases.pictures.group_split import split_by_group, two_group_splits
from genkit.bases.pictures.groups import read_groups
from genkit.bases.pictures.image_formats import is_image_file
from genkit.bases.pictures.source import HELD_OUT_SHARE, TEST_NAMES, Source, split_by_name
from genkit.bases.pictures.unread import Unread, list_names
from genkit.errors import UsageError
from genkit.storage.user_path import user_path

NAMES = "the path below the folder, with /"  # in the column `file` of groups
TRAIN_NAMES = ("train", "training")  # sub-folders that are the train split, in any case; the first that exists


def split_of_folder(
    path: Path,
    split: str,
    hold_out: float | Path | None,
    hint: str,
    *,
    arrays: bool = False,
    groups: Path | None = None,
) -> Source:
    """Return the "train" or the "test" pictures of a folder.

    The test split is the folder `hold_out`, or else the first of `TEST_NAMES` beside train/, or else a share by name,
    `hold_out` or `HELD_OUT_SHARE`. `hint` says how to get the folder `path`. With `arrays`, .npy files are pictures.
    With the CSV file `groups`, no group is in both splits.

    Raises `UsageError` if a folder is missing or empty, if its sub-folders may be splits or classes, or if the groups
    do not fit the pictures.
    """
    folder, held_out = _existing_folders(path, hold_out, hint)
    with listing(folder):
        train, own_test = _find_splits(folder, arrays)
    test = own_test if held_out is None else _separate_folder(held_out, train)
    of_groups = None if groups is None else read_groups(groups)
    if test is None:
        share = hold_out if isinstance(hold_out, float) else None
        files = replace(list_files(train, arrays=arrays), unread=_unread(folder, arrays, train))
        if of_groups is not None:
            return split_by_group(files, _names_below(folder, files), of_groups, split, share, NAMES)
        return split_by_name(files, split, HELD_OUT_SHARE if share is None else share)
    if isinstance(hold_out, float):
        raise UsageError(
            f"[data] hold_out: {folder} already has a train and a test split, {train.name}/ and {test.name}/. "
            "Remove hold_out, or set it to a folder."
        )
    wanted = replace(_list_split(train, test, split, arrays), unread=_unread(folder, arrays, train, test))
    if of_groups is None:
        return wanted
    other = {"train": "test", "test": "train"}[split]
    splits = {split: wanted, other: _list_split(train, test, other, arrays)}
    names = {each: _names_below(folder, files) for each, files in splits.items()}
    return two_group_splits({**splits}, {**names}, of_groups, split, NAMES)


def _existing_folders(path: Path, hold_out: float | Path | None, hint: str) -> tuple[Path, Path | None]:
    """Return the folder of the data set, and `hold_out` if it is one. Raises `UsageError` with all that are missing."""
    wanted = [(path, "path", hint)]
    if isinstance(hold_out, Path):
        wanted.append((hold_out, "hold_out", "Give a folder with the held-out pictures."))
    found, missing = [], []
    for each in wanted:
        try:
            found.append(existing_folder(*each))
        except UsageError as error:
            missing.append(str(error))
    if missing:
        raise UsageError("\n".join(missing))
    return found[0], found[1] if len(found) > 1 else None


def existing_folder(path: Path, key: str, hint: str) -> Path:
    """Return the folder that `key` of [data] names, as an absolute path. Raises `UsageError` if it does not exist."""
    folder = user_path(path).absolute()
    if not folder.is_dir():
        found = f"{folder} is a file, expected a folder" if folder.exists() else f"folder {folder} not found"
        raise UsageError(f"[data] {key}: {found}. {hint}")
    return folder


def _find_splits(folder: Path, arrays: bool) -> tuple[Path, Path | None]:
    """Return the folder of the train split, and that of the test split if there is one.

    Without splits, the train split is the folder itself. Raises `UsageError` if there is only one of the two beside
    other pictures, since it may also be a class, and `OSError`.
    """
    names = visible_folders(folder)
    train, test = _first(TRAIN_NAMES, names), _first(TEST_NAMES, names)
    if train and test:
        return folder / train, folder / test
    alone = train or test
    if not alone or not has_pictures(folder / alone, arrays=arrays):
        return folder, None
    others = [name for name in picture_folders(folder, arrays=arrays) if name != alone]
    if others or (test and _has_loose_pictures(folder, arrays)):
        raise UsageError(_which_is_it(folder, train, test, others))
    return folder / alone, None


def _first(wanted: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first of the wanted names, in lower case rather than in another case."""
    candidates = [(wanted.index(name.lower()), name != name.lower(), name) for name in names if name.lower() in wanted]
    return min(candidates)[2] if candidates else None


def _has_loose_pictures(folder: Path, arrays: bool) -> bool:
    return any(is_image_file(name, arrays=arrays) for _, name in visible_files(folder) if "/" not in name)


def _which_is_it(folder: Path, train: str | None, test: str | None, others: list[str]) -> str:
    beside = list_names([f"{name}/" for name in others]) if others else "other pictures"
    if train:
        return (
            f"[data] path: {folder} has {train}/ beside {beside}, but no test/ or val/: {train}/ may be a split or a "
            f"class. If it has the training pictures, set path to {folder / train}; if it is a class, rename it."
        )
    return (
        f"[data] path: {folder} has {test}/ beside {beside}, but no train/: {test}/ may be a split or a class. If it "
        f"has the held-out pictures, move the others to train/; if it is a class, rename it."
    )


def _separate_folder(test: Path, train: Path) -> Path:
    """Return the folder of held-out pictures. Raises `UsageError` if it shares pictures with the folder `train`."""
    one, other = train.resolve(), test.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(
            f"[data] hold_out: {test} and the training folder {train} share pictures. "
            "Move the held-out pictures to a folder outside the training folder."
        )
    return test


def _list_split(train: Path, test: Path, split: str, arrays: bool) -> FolderSource:
    """List one of two folders; both number the classes of either, so a class has the same label in both."""
    with listing(train.parent):
        classes = [*picture_folders(train, arrays=arrays), *picture_folders(test, arrays=arrays)]
    return list_files(test if split == "test" else train, list(dict.fromkeys(classes)), arrays=arrays)


def _names_below(folder: Path, files: FolderSource) -> list[str]:
    """Return the path of each file below `folder`, with / on every system."""
    below = files.folder.relative_to(folder).as_posix()
    return [file.name if below == "." else f"{below}/{file.name}" for file in files.files]


def _unread(folder: Path, arrays: bool, *splits: Path) -> Unread | None:
    """Return the part of a folder beside its splits; None if a split is the folder itself."""
    return None if folder in splits else Unread(folder, splits, arrays)
