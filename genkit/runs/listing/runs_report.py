"""A list of runs, printed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from genkit.console.escapes import in_one_line
from genkit.console.output import Console
from genkit.console.quantities import duration
from genkit.runs.listing.run_summary import EXPLAINED, RunSummary
from genkit.runs.on_disk.run_state import RunState

ARROWS = {"lower": " ↓", "higher": " ↑", None: ""}


def print_runs(runs: Sequence[RunSummary], console: Console) -> None:
    """Print a table with a row for each run, and below it why runs failed, are incomplete or are damaged."""
    now = datetime.now(UTC)
    rows = [
        (in_one_line(run.name), _steps(run), str(run.state), _metric(run), _age(run, now), in_one_line(run.title))
        for run in runs
    ]
    console.table("runs", ("run", "step", "state", "metric", "age", "recipe"), rows, below=True)
    for run in runs:
        if run.state in (*EXPLAINED, RunState.DAMAGED):
            console.print(f"{run.state}  {in_one_line(run.name)}: {_first_line(run.reason)}")


def _first_line(reason: str) -> str:
    return reason.splitlines()[0] if reason else "no reason given"


def _steps(run: RunSummary) -> str:
    return "" if run.state is RunState.DAMAGED else f"{run.step}/{'?' if run.steps is None else run.steps}"


def _metric(run: RunSummary) -> str:
    if run.metric is None:
        return ""
    value = "refused" if run.metric.value is None else f"{run.metric.value:.4g}"
    note = f", {run.metric.weights_note}" if run.metric.weights_note else ""
    return f"{run.metric.label}{ARROWS[run.metric.better]} {value}{note}"


def _age(run: RunSummary, now: datetime) -> str:
    """Return the time since the start in its largest unit: ``3 d``."""
    if run.started is None:
        return ""
    return " ".join(duration(max(0, round((now - run.started).total_seconds()))).split()[:2])
