"""Folders that the `datasets` library opens in place of a hub id.

The library searches a folder with its name as a pattern: for ``faces[64]`` it reads the files of ``faces6``. Such a
folder is refused, as is a folder with such a file. A folder that the library saved itself is opened by its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from genkit.storage.user_path import user_path

PATTERN = re.compile(r"[*?[]")
CHAIN = "::"  # separates two places in the addresses of fsspec
SAVED = ("dataset_dict.json", "state.json")  # files of a folder that `save_to_disk` of the library has written


def folder_of(hub: str) -> Path:
    """Return the path that `hub` is, if it is a folder."""
    return user_path(hub)


def is_folder(hub: str) -> bool:
    """Return whether `hub` is a folder, or is written as one: a missing folder is not taken for an id."""
    return hub.startswith(("/", ".", "~")) or folder_of(hub).is_dir()


def is_saved(folder: Path) -> bool:
    """Return whether `save_to_disk` of the library has written the folder."""
    return any((folder / name).exists() for name in SAVED)


def unmet_hub(hub: str) -> tuple[str, ...]:
    """Return a message if `hub` is a folder that cannot be opened. An id is checked only when it is loaded."""
    if not is_folder(hub):
        return ()
    folder = folder_of(hub).absolute()
    if not folder.is_dir():
        return (f"[data] hub: folder {folder} not found. Give a folder, or an id such as OWNER/NAME.",)
    return tuple(
        f"[data] hub: {place}: the `datasets` library takes {characters} in a path for a pattern, and would open other "
        "files or none. Rename it."
        for place, characters in _patterns(folder)
    )[:1]


def _patterns(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the paths that the library takes for patterns, each with the characters: the folder, then its files."""
    for place in dict.fromkeys((folder, folder.resolve())):  # the library follows links
        if CHAIN in str(place):
            yield place, CHAIN
    if is_saved(folder):
        return
    for place in dict.fromkeys((folder, folder.resolve())):
        if found := PATTERN.search(str(place)):
            yield place, found[0]
    for above, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name[0] != "."]  # the library reads no hidden files
        for name in names:
            if name[0] != "." and (found := PATTERN.search(f"{above.removeprefix(str(folder))}/{name}")):
                yield Path(above, name), found[0]
