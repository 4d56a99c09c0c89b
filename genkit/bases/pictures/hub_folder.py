"""Folders that the `datasets` library opens in place of a hub id.

The library searches a folder with its name as a pattern: for ``faces[64]`` it reads the files of ``faces6``. Such a
folder is refused, as is a folder with such a file. A folder that the library saved itself is opened by its name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from genkit.bases.pictures.folder_walk import is_run_folder
from genkit.storage.user_path import ADDRESS, user_path

PATTERN = re.compile(r"[*?[]")
CHAIN = "::"  # separates two places in the addresses of fsspec
SAVED = ("dataset_dict.json", "state.json")  # files of a folder that `save_to_disk` of the library has written


def folder_of(hub: str) -> Path:
    """Return the path that `hub` is, if it is a folder."""
    return user_path(hub)


def is_folder(hub: str) -> bool:
    """Return whether `hub` is a folder, or is written as one: a missing folder is not taken for an id."""
    return hub.startswith(("/", ".", "~")) or (not ADDRESS.match(hub) and folder_of(hub).is_dir())


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
    return tuple(f"[data] hub: {obstacle}" for obstacle in islice(_obstacles(folder), 1))


def _obstacles(folder: Path) -> Iterator[str]:
    """Yield why the library would open something else than the data in the folder, each with the remedy."""
    places = dict.fromkeys((folder, folder.resolve()))  # the library follows links
    yield from (_taken_for_pattern(place, CHAIN) for place in places if CHAIN in str(place))
    if is_saved(folder):
        return
    yield from (_taken_for_pattern(place, found[0]) for place in places if (found := PATTERN.search(str(place))))
    for above, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name[0] != "."]  # the library reads no hidden files
        if is_run_folder(above):
            yield f"{above}: the `datasets` library would read the pictures of this run, too. Move it out of {folder}."
        for name in names:
            if name[0] != "." and (found := PATTERN.search(f"{above.removeprefix(str(folder))}/{name}")):
                yield _taken_for_pattern(Path(above, name), found[0])


def _taken_for_pattern(place: Path, characters: str) -> str:
    return (
        f"{place}: the `datasets` library takes {characters} in a path for a pattern, and would open other files or "
        "none. Rename it."
    )
