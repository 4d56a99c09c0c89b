"""Summary of a run: what a list of runs says about it, read from a few small files."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.toml_text import BeyondLimits, parse
from genkit.runs.early_end import early_end_of
from genkit.runs.failure import failure_of
from genkit.runs.main_metric import MainMetric, main_metric
from genkit.runs.model_facts import step_of
from genkit.runs.run_folder import RunFolder
from genkit.runs.run_state import RunState, state_of
from genkit.storage.os_errors import unreadable
from genkit.storage.regular_file import read_regular

DAMAGE = (
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
)  # what a strange value in a file leads to


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
    reason: str = ""  # why the run failed, why a callback stopped it, or what is damaged

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
    except DAMAGE as error:  # one strange run must not hide the others
        reason = f"{path}: damaged ({str(error) or type(error).__name__})."
    return RunSummary(path, RunState.DAMAGED, started=_started(RunFolder(path)), reason=reason)


def _read(folder: RunFolder) -> RunSummary:
    recipe = _recipe(folder)
    state = state_of(folder)
    line = folder.step_log.last() or {}
    saved = folder.saved_steps()
    end, failure = early_end_of(folder), failure_of(folder)
    reason = failure.reason if failure and state is RunState.FAILED else end.reason if end else ""
    return RunSummary(
        folder.path,
        state,
        str(recipe.get("title", "")),
        max(line.get("step", 0), saved[-1] if saved else 0, step_of(folder.final) or 0),
        _steps(recipe, line),
        main_metric(folder, recipe, folder.finished),
        _started(folder),
        reason,
    )


def _recipe(folder: RunFolder) -> Mapping[str, Any]:
    path = folder.resolved
    try:
        return parse(read_regular(path).decode("utf-8", "surrogateescape"))
    except FileNotFoundError:
        raise UsageError(f"{path}: not found, so the run cannot be resumed.") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except (tomllib.TOMLDecodeError, BeyondLimits) as error:
        raise UsageError(f"{path}: damaged ({error}).") from None


def _steps(recipe: Mapping[str, Any], line: Mapping[str, Any]) -> int | None:
    """Return the length of a run. With epochs it follows from a line of the log, where t = (step - 1) / steps."""
    train = recipe.get("train", {})
    steps = train.get("steps") if isinstance(train, Mapping) else None
    if isinstance(steps, int):
        return steps
    t = line.get("t")
    length = (line["step"] - 1) / t if isinstance(t, float) and t > 0 else math.inf
    return round(length) if math.isfinite(length) else None


def _started(folder: RunFolder) -> datetime | None:
    """Return when the resolved recipe was written, or else the folder; None if neither can be asked."""
    for path in (folder.resolved, folder.path):
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):  # a time that the calendar does not have
            continue
    return None
