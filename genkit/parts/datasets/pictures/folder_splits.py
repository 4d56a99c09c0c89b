"""Train and test split of a folder of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from genkit.errors import UsageError
from genkit.parts.datasets.pictures.folder_source import FolderSource, list_files, sub_folders
from genkit.parts.datasets.pictures.source import HELD_OUT_SHARE, Source, split_by_name

TRAIN_FOLDER = "train"
TEST_FOLDERS = ("test", "val")  # sub-folders that are the test split; the first that exists


def split_of_folder(path: Path, split: str, hold_out: float | Path | None, hint: str) -> Source:
    """Return the "train" or the "test" pictures of a folder.

    The test split is the folder `hold_out`, or else test/ or val/ beside train/, or else a share by name, `hold_out`
    or `HELD_OUT_SHARE`. `hint` says how to get the folder `path`. Raises `UsageError` if a folder is missing or empty.
    """
    folder = existing_folder(path, "path", hint)
    inner = sub_folders(folder)
    train = folder / TRAIN_FOLDER if TRAIN_FOLDER in inner else folder
    own_test = _test_folder(folder, inner)
    if isinstance(hold_out, Path):
        return _list_split(train, _separate_folder(hold_out, train), split)
    if own_test is None:
        return split_by_name(list_files(train), split, HELD_OUT_SHARE if hold_out is None else hold_out)
    if hold_out is not None:
        raise UsageError(
            f"[data] hold_out: {folder} already has a train and a test split, {TRAIN_FOLDER}/ and {own_test.name}/. "
            "Remove hold_out, or set it to a folder."
        )
    return _list_split(train, own_test, split)


def existing_folder(path: Path, key: str, hint: str) -> Path:
    """Return the folder that `key` of [data] names, as an absolute path. Raises `UsageError` if it does not exist."""
    folder = path.expanduser().absolute()
    if not folder.is_dir():
        found = f"{folder} is a file, expected a folder" if folder.exists() else f"folder {folder} not found"
        raise UsageError(f"[data] {key}: {found}. {hint}")
    return folder


def _test_folder(folder: Path, inner: Sequence[str]) -> Path | None:
    """Return the sub-folder with the test split; None if the folder has no splits."""
    name = next((name for name in TEST_FOLDERS if name in inner), None) if TRAIN_FOLDER in inner else None
    return None if name is None else folder / name


def _separate_folder(hold_out: Path, train: Path) -> Path:
    """Return the folder `hold_out`. Raises `UsageError` if it shares pictures with the folder `train`."""
    test = existing_folder(hold_out, "hold_out", "Give a folder with the held-out pictures.")
    one, other = train.resolve(), test.resolve()
    if one == other or one in other.parents or other in one.parents:
        raise UsageError(
            f"[data] hold_out: {test} and the training folder {train} share pictures. "
            "Move the held-out pictures to a folder outside the training folder."
        )
    return test


def _list_split(train: Path, test: Path, split: str) -> FolderSource:
    """List one of two folders; both number the classes of either, so a class has the same label in both."""
    classes = list(dict.fromkeys([*sub_folders(train), *sub_folders(test)]))
    return list_files(test if split == "test" else train, classes)
