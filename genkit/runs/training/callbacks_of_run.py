"""The callbacks from outside the engine: those that a recipe names, and those that the caller of a training gives."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from genkit.core.callback import Callback
from genkit.errors import UsageError
from genkit.part_code import code_of
from genkit.recipe.plan import Plan
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.guarded_callback import GuardedCallback, Report
from genkit.runs.training.trackers import Tracker


def callbacks_of_run(plan: Plan, folder: RunFolder, given: Sequence[Callback], report: Report) -> list[GuardedCallback]:
    """Return the callbacks of ``[callbacks]`` and of ``[track]``, then those that are `given`, each behind a guard.

    `report` takes the message about one that fails. Raises `UsageError` if an object that is given is no callback.
    """
    check_given(given)
    named: list[tuple[str, Callback]] = []
    for label, callback in plan.callbacks.items():
        part = plan.parts["callbacks", label]
        name = f'[callbacks.{label}] "{part.entry.name}" of {part.owner}'
        named.append((name, copy.deepcopy(callback)))  # it may keep attributes, and a plan may be trained again
    if plan.recipe.track is not None:
        track = plan.recipe.track
        named += [(f"[track] {name}", Tracker(name, track.project)) for name in track.to]
    named += [(code_of(callback), callback) for callback in given]
    return [GuardedCallback(callback, name, lambda text: report(f"{folder.path}: {text}")) for name, callback in named]


def check_given(given: Sequence[object]) -> None:
    """Raise `UsageError` if an object is no callback."""
    for each in given:
        if not isinstance(each, Callback):
            raise UsageError(f"callbacks: {code_of(each)} is no callback. Derive its class from genkit.Callback.")
