"""Progress of a run: how far it is logged and saved, and how long it is. Read from small files, without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from genkit.runs.on_disk.early_end import EarlyEnd, early_end_of
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.run_folder import RunFolder


@dataclass(frozen=True)
class RunProgress:
    """The steps up to which a run has left something."""

    logged: int  # the step of the last line of the log; 0 if there is none
    saved: int | None  # the step of the newest checkpoint
    final: int | None  # the step of the model folder final/
    steps: int | None  # the length of the run; None if the recipe counts epochs and nothing is logged
    end: EarlyEnd | None  # where a callback has stopped the run

    @property
    def step(self) -> int:
        """The last step that is logged or saved."""
        return max(self.logged, self.saved or 0, self.final or 0)

    @property
    def last(self) -> int | None:
        """The last step of the run, before which a callback may have stopped it; None if it is not known."""
        return self.steps if self.end is None else self.end.step

    @property
    def all_saved(self) -> bool:
        """Whether a checkpoint of the last step exists, so that a resume trains nothing."""
        return self.saved is not None and self.last is not None and self.saved >= self.last


def progress_of(folder: RunFolder, recipe: Mapping[str, Any]) -> RunProgress:
    """Return the progress of a run with this resolved recipe. Raises `UsageError` if a file cannot be read."""
    line, saved = folder.step_log.last() or {}, folder.saved_steps()
    newest = saved[-1] if saved else None
    length, end = length_of(recipe, line), early_end_of(folder)
    return RunProgress(line.get("step", 0), newest, step_of(folder.final), length, end)


def length_of(recipe: Mapping[str, Any], line: Mapping[str, Any]) -> int | None:
    """Return the number of steps of a run with this resolved recipe; None if nothing says it.

    With epochs it follows from a `line` of the log, where t = (step - 1) / steps.
    """
    train = recipe.get("train", {})
    steps = train.get("steps") if isinstance(train, Mapping) else None
    if isinstance(steps, int):
        return steps
    t = line.get("t")
    length = (line["step"] - 1) / t if isinstance(t, float) and t > 0 else math.inf
    return round(length) if math.isfinite(length) else None
