"""The resolved recipe of a run, checked. A run whose resolved recipe is damaged is a damaged run.

Commands that open a run, find its weights or list it ask this module, so all of them judge alike.
"""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.text.toml_text import BeyondLimits, parse
from genkit.recipe.text.whole_text import CutShort, check_whole
from genkit.storage.listing import exists
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.os_errors import unreadable
from genkit.storage.regular_file import read_regular

FINAL = "final"  # the model folder of a run, which has a copy of the resolved recipe
LEFT_OF_A_RUN = ("metrics.jsonl", "checkpoints")  # both: a folder of other programs may have one of them
DAMAGE = (tomllib.TOMLDecodeError, BeyondLimits, CutShort)


def tables_of_run(path: Path) -> dict[str, Any]:
    """Return the tables of a resolved recipe. Raises `UsageError` if it is absent, unreadable, invalid or cut short."""
    try:
        tables = _parsed(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: not found, so the run cannot be resumed. {_remedy(path)}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except tomllib.TOMLDecodeError as error:
        reason = f"not valid TOML: {error}"
        raise UsageError(f"{path}: damaged ({reason}). Correct it if you have changed it. {_remedy(path)}") from None
    except DAMAGE as error:
        raise UsageError(f"{path}: damaged ({error}). {_remedy(path)}") from None
    if not tables:
        raise UsageError(f"{path}: damaged (it has no keys). {_remedy(path)}")
    return tables


def has_lost_recipe(folder: Path) -> bool:
    """Return whether a folder is a run without its resolved recipe: it has the log and checkpoints, or the model."""
    left = all(exists(folder / name) for name in LEFT_OF_A_RUN) or exists(folder / FINAL / RECIPE)
    return left and not exists(folder / RESOLVED)


def _parsed(path: Path) -> dict[str, Any]:
    text = read_regular(path).decode("utf-8-sig", "surrogateescape")
    check_whole(text)
    return parse(text)


def _remedy(path: Path) -> str:
    """Return how the file is restored: from the model folder of a finished run, or from another copy of the run."""
    copy = path.parent / FINAL / RECIPE
    try:
        if _parsed(copy):
            return f"Restore it with `cp {shlex.quote(str(copy))} {shlex.quote(str(path))}`."
    except (OSError, *DAMAGE):
        pass
    again = "Copy it again from another copy of the run."
    own = path.parent / RECIPE
    if not exists(own):
        return again
    command = f"`genkit run {shlex.quote(str(own))}`"
    return f"{again} Without one, start a new run with {command} and the options of the first call."
