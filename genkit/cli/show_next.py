"""The next commands after a run: those that fit its model and its samples."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.plan import Plan
from genkit.runs.pictures_of_run import is_drawable
from genkit.runs.resolved_recipe import tables_of_run
from genkit.runs.run_folder import RunFolder
from genkit.storage.listing import names_in

MOST_COMMANDS = 5
MOST_RUNS = 20  # that are looked at for one to compare with


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
    """Return the newest other finished run beside this one with the same [data]; None if there is none."""
    with suppress(UsageError):
        data = _data_of(folder)
        others = [RunFolder(folder.path.parent / name) for name in names_in(folder.path.parent)]
        finished = [other for other in others if other.path != folder.path and _is_finished(other)]
        for other in finished[: -MOST_RUNS - 1 : -1]:  # names are numbered, so the last is the newest
            with suppress(UsageError):
                if _data_of(other) == data:
                    return other
    return None


def _is_finished(folder: RunFolder) -> bool:
    with suppress(UsageError):  # of an entry beside the runs that cannot be read
        return folder.finished
    return False


def _data_of(folder: RunFolder) -> Any:
    return tables_of_run(folder.resolved).get("data")
