"""Facts of a model folder of a run: those of final/, best/ and fitted/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.storage.json_tables import read_table
from genkit.storage.names import ABOUT
from genkit.storage.os_errors import ABSENT, unreadable

FIT = "fitted_prior"  # the fact of a model folder whose prior was fitted after the training: how it was fitted


def step_of(folder: Path) -> int | None:
    """Return the step of the weights in a model folder; None if it is not a model folder, or does not name its step.

    Raises `UsageError` if the folder cannot be read.
    """
    step: int | None = facts_in(folder).get("step")
    return step


def facts_in(folder: Path) -> dict[str, Any]:
    """Return the facts of a model folder of a run; none if it is not one. Raises `UsageError` if it cannot be read."""
    path = folder / ABOUT
    try:
        return read_table(path, {"step": int}, {"data": dict})
    except (*ABSENT, ValueError):
        return {}
    except OSError as error:
        raise unreadable(path, error) from None
