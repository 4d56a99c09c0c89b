"""The next commands after a run: those that fit its model and its samples."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.pictures_of_run import is_drawable
from genkit.runs.on_disk.resolved_recipe import tables_of_run
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.listing import names_in

MOST_COMMANDS = 5
MOST_RUNS = 20  # that are looked at for one to compare with
NUMBERED = re.compile(r"([0-9]{4,})-")  # how the name of a run of `genkit run` begins


def next_commands(folder: RunFolder, plan: Plan) -> list[str]:
    """Return commands that a user may copy, the most telling first, at most `MOST_COMMANDS`."""
    path = shlex.quote(str(folder.path))
    found = [f"genkit sample {path}"]
    if can_score(plan):
        found.append(f"genkit score {path} --data FOLDER")
    if is_drawable(plan.data_shape):
        found.append(f"genkit demo {path}")
    if (other := comparable_run(folder)) is not None:
        found.append(f"genkit compare {shlex.quote(str(other.path))} {path}")
    found.append(f"genkit export {path}")
    if plan.metrics:
        found.append(f"genkit eval {path}")
    return found[:MOST_COMMANDS]


def can_score(plan: Plan) -> bool:
    """Return whether `genkit score` takes the model: it has an encoder, and its samples are pictures."""
    return "encoder" in plan.optimisers and len(plan.data_shape) == 3 and plan.data_shape[0] in (1, 3)


def comparable_run(folder: RunFolder) -> RunFolder | None:
    """Return the newest other finished run of `genkit run` beside this one with the same [data]; None without one.

    One with the title of this run comes first. The runs of tables and searches have no number, so no order: each has a
    command of its own that compares them.
    """
    with suppress(UsageError):
        tables = tables_of_run(folder.resolved)
        others: list[tuple[RunFolder, Mapping[str, Any]]] = []
        for other in islice(_finished_runs_beside(folder), MOST_RUNS):
            with suppress(UsageError):
                others.append((other, tables_of_run(other.resolved)))
        alike = [(other, found) for other, found in others if found.get("data") == tables.get("data")]
        alike.sort(key=lambda each: each[1].get("title") != tables.get("title"))  # stable: the newest stays first
        return alike[0][0] if alike else None
    return None


def _finished_runs_beside(folder: RunFolder) -> Iterator[RunFolder]:
    """Yield the other finished runs with a number in the same folder, the highest number first."""
    numbers = {name: int(found[1]) for name in names_in(folder.path.parent) if (found := NUMBERED.match(name))}
    for name in sorted(numbers, key=lambda each: (numbers[each], each), reverse=True):
        other = RunFolder(folder.path.parent / name)
        if name != folder.path.name and _is_finished(other):
            yield other


def _is_finished(folder: RunFolder) -> bool:
    with suppress(UsageError):  # of an entry beside the runs that cannot be read
        return folder.finished
    return False
