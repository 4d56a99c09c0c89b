"""Visible files and folders below a folder of pictures.

Hidden files are not visible, nor are folders of runs and trained models: what genkit has drawn is no data.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from genkit.bases.pictures.image_formats import is_image_file
from genkit.errors import UsageError
from genkit.storage.names import RESOLVED
from genkit.storage.os_errors import describe_os_error
from genkit.storage.weights import ABOUT, RAW

WRITTEN_BY_GENKIT = ((RESOLVED,), (RAW, ABOUT))  # files of a run folder, and of a model folder
ARCHIVE_LEFTOVER = "__MACOSX"  # macOS adds this folder to a zip archive; its files are no pictures


def visible_files(folder: Path, without: Collection[Path] = ()) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield files with their path below the folder, with / on every system, and follow links.

    The folders `without` are not entered. Raises `OSError`.
    """
    return _walk(str(folder), "", {os.path.realpath(path) for path in without})


def visible_folders(folder: Path) -> list[str]:
    """Return the names of the sub-folders, in natural order. Raises `OSError`."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not _is_hidden(entry.name) and entry.is_dir()]
    return sorted((name for name in names if not is_run_folder(folder / name)), key=natural_key)


def picture_folders(folder: Path, *, arrays: bool = False) -> list[str]:
    """Return the names of the sub-folders that have a picture, in natural order. Raises `OSError`."""
    return [name for name in visible_folders(folder) if has_pictures(folder / name, arrays=arrays)]


def has_pictures(folder: Path, *, arrays: bool = False) -> bool:
    """Return whether there is a picture, with `arrays` also a .npy file, in the folder or below it.

    Stops at the first one. Raises `OSError`.
    """
    return any(is_image_file(name, arrays=arrays) for _, name in visible_files(folder))


def is_run_folder(folder: str | Path) -> bool:
    """Return whether genkit has written the folder, as a run or as a trained model."""
    return any(all(os.path.isfile(os.path.join(folder, name)) for name in names) for names in WRITTEN_BY_GENKIT)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Return a sort key by which 9.png comes before 10.png; no two names have the same key."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))], name


@contextmanager
def listing(folder: Path, place: str = "[data]") -> Iterator[None]:
    """Turn an `OSError` of the block into a `UsageError` that names the place and the folder."""
    try:
        yield
    except OSError as error:
        where = Path(error.filename or folder)
        raise UsageError(f"{place} {folder}: cannot be listed: {describe_os_error(error, where)} ({where}).") from None


def _walk(folder: str, prefix: str, closed: set[str]) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield visible files with their path below the first folder, except from folders in `closed`.

    The folders above are closed, so that a link to one of them is not followed.
    """
    real = os.path.realpath(folder)
    if real in closed or is_run_folder(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name):
                continue
            if entry.is_dir():
                yield from _walk(entry.path, f"{prefix}{entry.name}/", closed | {real})
            elif entry.is_file() or not os.path.exists(entry.path):  # a broken link counts: decoding reports it
                yield entry, f"{prefix}{entry.name}"


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == ARCHIVE_LEFTOVER  # .DS_Store, ._0001.jpg and the like
