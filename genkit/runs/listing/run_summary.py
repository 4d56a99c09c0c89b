"""Summary of a run: what a list of runs says about it, read from a few small files."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.runs.listing.main_metric import MainMetric, main_metric
from genkit.runs.on_disk.failure import failure_of
from genkit.runs.on_disk.resolved_recipe import tables_of_run
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_progress import progress_of
from genkit.runs.on_disk.run_state import STRANGE_VALUE, RunState, in_words, state_of

EXPLAINED = (RunState.FAILED, RunState.INCOMPLETE)  # states whose reason a list of runs prints


@dataclass(frozen=True)
class RunSummary:
    """A run in one line."""

    path: Path
    state: RunState
    title: str = ""  # of the recipe
    step: int = 0  # the last step that is logged or saved
    steps: int | None = None  # the length of the run; None if the recipe counts epochs and nothing is logged
    metric: MainMetric | None = None
    started: datetime | None = None  # when the run folder was made
    reason: str = ""  # why the run failed, what it lacks, why a callback stopped it, or what is damaged

    def __fspath__(self) -> str:
        """Return the path, so that a summary can be passed where a run is expected."""
        return str(self.path)

    @property
    def name(self) -> str:
        """The name of the run folder."""
        return self.path.name or self.path.resolve().name

    def as_dict(self) -> dict[str, Any]:
        """Return the summary as values for JSON, which has no number that is not finite: None in its place."""
        metric = self.metric and asdict(self.metric)
        if metric and metric["value"] is not None and not math.isfinite(metric["value"]):
            metric["value"] = None
        return {
            "name": self.name,
            "path": str(self.path),
            "title": self.title,
            "state": str(self.state),
            "step": self.step,
            "steps": self.steps,
            "metric": metric,
            "started": self.started and self.started.isoformat(timespec="seconds"),
            "reason": self.reason,
        }


def summary_of(path: Path) -> RunSummary:
    """Return the summary of the run in a folder. A run with a file that cannot be read has the state "damaged"."""
    try:
        return _read(RunFolder(path))
    except UsageError as error:
        reason = str(error)
    except STRANGE_VALUE as error:  # one strange run must not hide the others
        reason = f"{path}: damaged ({str(error) or type(error).__name__})."
    return RunSummary(path, RunState.DAMAGED, started=_started(RunFolder(path)), reason=reason)


def _read(folder: RunFolder) -> RunSummary:
    recipe = tables_of_run(folder.resolved)
    state = state_of(folder)
    progress, failure = progress_of(folder, recipe), failure_of(folder)
    reason = "" if progress.end is None else progress.end.reason
    if state in EXPLAINED:
        reason = in_words(state, progress, failure)
    return RunSummary(
        folder.path,
        state,
        str(recipe.get("title", "")),
        progress.step,
        progress.steps,
        main_metric(folder, recipe, folder.finished),
        _started(folder),
        reason,
    )


def _started(folder: RunFolder) -> datetime | None:
    """Return when the resolved recipe was written, or else the folder; None if neither can be asked."""
    for path in (folder.resolved, folder.path):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):  # a time that the calendar does not have
            continue
    return None
