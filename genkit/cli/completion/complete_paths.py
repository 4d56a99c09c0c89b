"""Completion of paths in a shell: recipes, tables of results, runs and model folders. No other path is offered.

Whole paths are offered, also of files in folders below the one that is typed. The shell completes what they share, so a
recipe in `experiments/faces/` needs few keys.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from genkit.recipe.text.document import is_recipe, is_space, is_table_of_results
from genkit.storage.names import ABOUT, CONFIG, RAW, RESOLVED

LEVELS = 3  # of folders, with the one that is typed
MOST = 3000  # files and folders that are looked at, so that the shell answers at once
UNSAFE = re.compile(r"[\s'\"\\$&;|<>()*?\[\]`!#]")  # a shell would change a name with one of them


def complete_recipe(incomplete: str) -> list[str]:
    """Return the recipe files, and the names of the shipped recipes, that the text may become."""
    from genkit.recipe.text.shipped import shipped_recipes

    files = [path for path, found in _below(incomplete) if _holds(found, is_recipe)]
    return files + [name for name in shipped_recipes() if name.startswith(incomplete)]


def complete_space(incomplete: str) -> list[str]:
    """Return the names of the shipped spaces, and the space files, that the text may become."""
    from genkit.recipe.text.shipped import shipped_spaces

    names = [name for name in shipped_spaces() if name.startswith(incomplete)]
    return names + [path for path, found in _below(incomplete) if _holds(found, is_space)]


def complete_table(incomplete: str) -> list[str]:
    """Return the names of the shipped tables, and the table files, that the text may become."""
    from genkit.recipe.text.shipped import shipped_tables

    names = [name for name in shipped_tables() if name.startswith(incomplete)]
    return names + [path for path, found in _below(incomplete) if _holds(found, is_table_of_results)]


def complete_run(incomplete: str) -> list[str]:
    """Return the run folders that the text may become."""
    return [path for path, found in _below(incomplete) if _is_run(found)]


def complete_run_or_model(incomplete: str) -> list[str]:
    """Return the run folders and the model folders that the text may become; those in a run if the run is typed."""
    return [path for path, found in _below(incomplete) if _is_run(found) or _is_model(found)]


def _below(incomplete: str) -> Iterator[tuple[str, Path]]:
    """Yield each path that begins with the text, as text that continues it, and the path itself.

    What is in hidden folders, in runs and in models is left out, unless the text names them.
    """
    typed, slash, start = incomplete.rpartition("/")
    folders, left = deque([(typed + slash, Path(typed + slash).expanduser(), LEVELS)]), MOST
    while folders:
        text, folder, levels = folders.popleft()
        for found in _listed(folder):
            left -= 1
            if left < 0:
                return
            if text == typed + slash and not found.name.startswith(start):
                continue
            if UNSAFE.search(found.name) or (found.name.startswith(".") and not start.startswith(".")):
                continue
            yield text + found.name, found
            if levels > 1 and found.is_dir() and not _is_run(found) and not _is_model(found):
                folders.append((f"{text}{found.name}/", found, levels - 1))


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (OSError, RuntimeError):  # the second: a user whose home is unknown
        return []


def _holds(path: Path, wanted: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Return whether a file holds the wanted tables. One that somebody edits right now may be any."""
    if path.suffix != ".toml" or not path.is_file():
        return False
    try:
        return wanted(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError:
        return True
    except (OSError, UnicodeDecodeError):
        return False


def _is_run(folder: Path) -> bool:
    return os.path.isfile(folder / RESOLVED)


def _is_model(folder: Path) -> bool:
    facts = (ABOUT, CONFIG)  # of a model folder, and of an exported folder
    return os.path.isfile(folder / RAW) and any(os.path.isfile(folder / name) for name in facts)
