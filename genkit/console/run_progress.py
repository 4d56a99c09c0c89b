"""Progress of a run: a bar on a terminal, a line of a notebook, or plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, ProgressColumn, Task
from rich.text import Text

from genkit.console.words import wrapped_prose

if TYPE_CHECKING:
    from genkit.console.output import Console

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_CHANGES = 0.2  # of the line in a notebook
TOTAL = "total"  # the term that a phase minimises
Notes = Mapping[str, str]  # what stands beside a value, by its label
NO_NOTES: Notes = {}


class SilentProgress:
    """Progress of a run that shows nothing; base class of the others."""

    def update(self, step: int, line: Mapping[str, float] | None) -> None:
        """Report a completed step, with its line of the log if the step is logged."""

    def evaluated(self, step: int, results: Sequence[Any], notes: Notes = NO_NOTES) -> None:
        """Report the evaluation results of a step, with a note beside some of them, by label."""

    def remarked(self, text: str) -> None:
        """Report a remark on the training."""


class ProgressBar(SilentProgress):
    """Progress bar with rate, time left and the last logged totals."""

    def __init__(self, bar: Progress, total: int):
        self._bar = bar
        self._task = bar.add_task("", total=total, rate="", terms="")

    def update(self, step: int, line: Mapping[str, float] | None) -> None:
        """Move the bar, and show the totals of a logged step."""
        speed = self._bar.tasks[self._task].speed
        rate = f"{speed:.1f} steps/s" if speed else ""
        self._bar.update(self._task, completed=step, rate=rate)
        if line is not None:
            self._bar.update(self._task, terms=_totals(line).replace(f"/{TOTAL}", ""))

    def evaluated(self, step: int, results: Sequence[Any], notes: Notes = NO_NOTES) -> None:
        """Print the results above the bar."""
        self._bar.console.print(f"step {step}  {_values(results, notes)}", markup=False)

    def remarked(self, text: str) -> None:
        """Print the remark above the bar."""
        lines = wrapped_prose(f"remark: {text}", self._bar.console.width)
        self._bar.console.print("\n".join(lines), markup=False)


class ProgressInNotebook(SilentProgress):
    """Line of a notebook with a bar, the rate, and the last logged totals, which changes a few times a second."""

    def __init__(self, show: Callable[[str, float], None], total: int):
        self._show, self._total = show, total
        self._totals = ""
        self._first: tuple[int, float] | None = None
        self._last_shown = 0.0

    def update(self, step: int, line: Mapping[str, float] | None) -> None:
        """Change the line if it is old enough, and at the last step."""
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
        if line is not None:
            self._totals = _totals(line).replace(f"/{TOTAL}", "")
        if now - self._last_shown < SECONDS_BETWEEN_CHANGES and step < self._total:
            return
        self._last_shown = now
        rate = (step - self._first[0]) / max(now - self._first[1], 1e-9)
        self._show(f"step {step}/{self._total}  {rate:.1f} steps/s  {self._totals}".rstrip(), step / self._total)

    def evaluated(self, step: int, results: Sequence[Any], notes: Notes = NO_NOTES) -> None:
        """Show the results in place of the last logged totals."""
        self._totals = _values(results, notes)


class ProgressLines(SilentProgress):
    """Plain line every `SECONDS_BETWEEN_LINES` seconds, with the last logged totals."""

    def __init__(self, console: Console, total: int):
        self._console, self._total = console, total
        self._totals = ""
        self._first: tuple[int, float] | None = None
        self._last_line = time.monotonic()

    def update(self, step: int, line: Mapping[str, float] | None) -> None:
        """Print a line if the last one is old enough, and at the last step."""
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
        if line is not None:
            self._totals = _totals(line)
        if now - self._last_line < SECONDS_BETWEEN_LINES and step < self._total:
            return
        self._last_line = now
        rate = (step - self._first[0]) / max(now - self._first[1], 1e-9)
        left = f", {(self._total - step) / rate:.0f} s left" if rate > 0 and step < self._total else ""
        self._console.print(f"step {step}/{self._total}  {rate:.1f} steps/s{left}  {self._totals}".rstrip())

    def evaluated(self, step: int, results: Sequence[Any], notes: Notes = NO_NOTES) -> None:
        """Print a line with the results, whenever the last line was."""
        self._console.print(f"step {step}/{self._total}  {_values(results, notes)}")

    def remarked(self, text: str) -> None:
        """Print the remark on a line."""
        self._console.prose(text, "remark: ")


def _values(results: Sequence[Any], notes: Notes) -> str:
    """Return the values of results, each with its note: ``modes 8  fid 12.3 (raw weights)``."""
    return "  ".join(f"{each.label} {_value(each.value, notes.get(each.label, ''))}" for each in results)


def _value(value: float | None, note: str) -> str:
    if value is None:
        return "refused"
    return f"{value:.4g} ({note})" if note else f"{value:.4g}"


def _totals(line: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in line.items() if name.endswith(f"/{TOTAL}"))


class LastTerms(ProgressColumn):
    """The last logged totals, cut where the terminal ends."""

    def render(self, task: Task) -> Text:
        """Return the totals of a task."""
        return Text(task.fields["terms"], no_wrap=True, overflow="ellipsis")
