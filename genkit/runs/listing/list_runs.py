"""The runs in a folder, sorted."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.runs.listing.run_summary import RunSummary, summary_of
from genkit.runs.listing.sort_key import SortKey
from genkit.runs.on_disk.not_a_run_folder import hint_of_hub
from genkit.runs.on_disk.resolved_recipe import has_lost_recipe
from genkit.runs.on_disk.run_state import RunState
from genkit.storage.listing import exists, names_in
from genkit.storage.names import ABOUT, RECIPE, RESOLVED

PIECES = {
    RECIPE,
    "metrics.jsonl",
    "checkpoints",
}  # what is left of a run whose resolved recipe is lost
STATES = list(RunState)


def list_runs(folder: Path, sort: SortKey = SortKey.NAME, *, reverse: bool = False) -> list[RunSummary]:
    """Return the runs in a folder, and a run whose folder it is. Hidden folders are left out.

    Runs are sorted by name; by the title of the recipe; by step, the longest first; by state, running ones first; by
    metric, the best first, those with another metric below and those without one last; or by age, the youngest first.
    Equal ones are sorted by name. Raises `UsageError` if the folder cannot be listed.
    """
    if not folder.is_dir():
        wrong = "a file, not a folder" if exists(folder) else "not found"
        remedy = "Give the folder that holds the run folders; `genkit run` makes runs/."
        raise UsageError(f"{folder}: {wrong}. {remedy}{'' if exists(folder) else hint_of_hub(folder)}")
    if exists(folder / RESOLVED) or has_lost_recipe(folder):
        return [summary_of(folder)]
    paths = [folder / name for name in names_in(folder) if not name.startswith(".")]
    runs = [summary_of(path) for path in paths if _is_run(path)]
    return sorted(runs, key=KEYS[sort], reverse=reverse)


def _is_run(path: Path) -> bool:
    if not os.path.isdir(path):
        return False
    try:
        names = names_in(path)  # a model folder has a recipe, too
        return RESOLVED in names or (ABOUT not in names and bool(PIECES.intersection(names)))
    except UsageError:
        return True  # it may be one, so the list says that it cannot be read


def _by_metric(run: RunSummary) -> tuple[Any, ...]:
    if run.metric is None or run.metric.value is None or not math.isfinite(run.metric.value):
        return (1,)
    sign = -1 if run.metric.better == "higher" else 1
    return 0, run.metric.label, sign * run.metric.value


def _by_age(run: RunSummary) -> float:
    return -run.started.timestamp() if run.started else math.inf


KEYS: dict[SortKey, Callable[[RunSummary], Any]] = {
    SortKey.NAME: lambda run: run.name,
    SortKey.RECIPE: lambda run: run.title,
    SortKey.STEP: lambda run: -run.step,
    SortKey.STATE: lambda run: STATES.index(run.state),
    SortKey.METRIC: _by_metric,
    SortKey.AGE: _by_age,
}
