"""Runs of the tiny recipe that are killed after a step, and resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from genkit.core.callback import Callback
from genkit.core.result import Result
from genkit.engine.distributed import World
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Recipe
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder
from support.tiny_parts import registry_with


class Killed(BaseException):
    """A crash that nothing can prepare for."""


class KillingCallback(Callback):
    """Kills the run after a step, and remembers which metrics were evaluated at which steps."""

    def __init__(self, kill_at: int | None = None):
        self.kill_at = kill_at
        self.evaluations: list[tuple[int, list[str]]] = []

    def stepped(self, step: int) -> None:
        if step == self.kill_at:
            raise Killed

    def evaluated(self, step: int, results: Sequence[Result]) -> None:
        self.evaluations.append((step, [result.label for result in results]))


def new_run(root: Path, recipe: Recipe | Mapping[str, Any]) -> RunFolder:
    """Make the run folder of a recipe of tiny parts; nothing is trained."""
    plan = make_plan(recipe, registry=registry_with())
    return RunFolder.create(root / "runs", plan.document, dict(plan.resolved))


def train_on(folder: RunFolder, kill_at: int | None = None) -> KillingCallback:
    """Train a run from where it is; raise `Killed` after step `kill_at`."""
    callback = KillingCallback(kill_at)
    train_in_folder(make_plan(folder.resolved, registry=registry_with()), folder, World(), callback)
    return callback


def train_and_kill(folder: RunFolder, *steps: int) -> None:
    """Train a run from where it is and kill it after a step, once for each step."""
    for step in steps:
        with pytest.raises(Killed):
            train_on(folder, kill_at=step)
