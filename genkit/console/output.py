"""Console output: tables and a progress bar on a terminal, plain lines in files and pipes.

`genkit run` and `genkit resume` make the console silent on every process but the main one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from genkit.console.ascii_forms import written_in
from genkit.console.escapes import escaped
from genkit.console.notebook_line import line_in_notebook
from genkit.console.output_width import given_width, is_terminal, set_width
from genkit.console.progress_lines import CountLines
from genkit.console.tables import laid_out
from genkit.launched import is_main_process

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_CHANGES = 0.2  # of the line in a notebook
WIDE = 100  # columns of a terminal with room for a long bar
TOTAL = "total"  # the term that a phase minimises


class Console:
    """Output of one command on stdout.

    `silent` prints nothing; `quiet` prints results only; `stderr` prints there. rich uses no colours if ``NO_COLOR`` is
    set. The width is that of `genkit.console.output_width`.
    """

    def __init__(self, *, silent: bool = False, quiet: bool = False, stderr: bool = False):
        self.silent, self.quiet = silent, quiet
        self.rich = rich.console.Console(quiet=silent, highlight=False, soft_wrap=True, emoji=False, stderr=stderr)
        set_width(self.rich)

    @property
    def has_width(self) -> bool:
        """Whether no line may be longer than the width, so that a table may have to be divided."""
        return is_terminal(self.rich) or given_width() is not None

    def print(self, text: str) -> None:
        """Print plain text."""
        self.rich.print(self._shown(text), markup=False)

    def info(self, *texts: str) -> None:
        """Print texts that are not results; nothing if quiet."""
        for text in () if self.quiet else texts:
            self.print(text)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        below: bool = False,
        repeat: int = 0,
    ) -> None:
        """Print a table; nothing if it has no rows. See `genkit.console.tables` for a narrow terminal."""
        if not rows:
            return
        title, columns = self._shown(title), [self._shown(column) for column in columns]
        cells = [[self._shown(cell) for cell in row] for row in rows]
        for part in laid_out(title, columns, cells, self.rich.width, below and self.has_width, repeat * self.has_width):
            self.rich.print(part, soft_wrap=False)
        self.rich.print()

    def _shown(self, text: str) -> str:
        """Return a text as the terminal can show it. Replace characters before a table is laid out: forms are wider."""
        return written_in(escaped(text), self.rich.encoding)

    @contextmanager
    def progress(self, total: int) -> Iterator[SilentProgress]:
        """Show the progress of a run of `total` steps: a bar on a terminal, otherwise a line every few seconds.

        In a notebook it is one line that changes.
        """
        if self.silent or self.quiet:
            yield SilentProgress()
        elif self.rich.is_jupyter:
            with line_in_notebook() as show:
                yield ProgressInNotebook(show, total)
        elif is_terminal(self.rich):
            whole = Column(no_wrap=True)  # so that a narrow terminal cuts the terms only
            columns = (
                TextColumn("step"),
                MofNCompleteColumn(table_column=whole),
                BarColumn(40 if self.rich.width >= WIDE else 12, table_column=whole),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(table_column=whole),
                _Terms(),
            )
            with Progress(*columns, console=self.rich) as bar:
                yield ProgressBar(bar, total)
        else:
            yield ProgressLines(self, total)


class _Terms(ProgressColumn):
    """The last logged totals, cut where the terminal ends."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["terms"], no_wrap=True, overflow="ellipsis")


@contextmanager
def progress_count(what: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar for work other than training. Yields a function to call with the number of items just done.

    It is on stderr, as stdout may carry a result, and only in the main process. Without a terminal it is a plain line
    every `SECONDS_BETWEEN_LINES` seconds. A `total` of None is unknown: no time left is estimated.
    """
    console = rich.console.Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)
    if not is_main_process():
        yield lambda done: None
        return
    if not is_terminal(console):
        yield CountLines(partial(_print_line, console), what, total, SECONDS_BETWEEN_LINES)
        return
    known = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    of_number = known if total is not None else (TextColumn("{task.completed:,.0f}"), BarColumn())
    with Progress(TextColumn("{task.description}", markup=False), *of_number, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


def _print_line(console: rich.console.Console, text: str) -> None:
    console.print(written_in(escaped(text), console.encoding), markup=False)


class SilentProgress:
    """Progress of a run that shows nothing; base class of the others."""

    def update(self, step: int, line: Mapping[str, float] | None) -> None:
        """Report a completed step, with its line of the log if the step is logged."""

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Report the evaluation results of a step."""

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

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Print the results above the bar."""
        self._bar.console.print(f"step {step}  {_values(results)}", markup=False)

    def remarked(self, text: str) -> None:
        """Print the remark above the bar."""
        self._bar.console.print(f"remark: {text}", markup=False)


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

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Show the results in place of the last logged totals."""
        self._totals = _values(results)


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

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Print a line with the results, whenever the last line was."""
        self._console.print(f"step {step}/{self._total}  {_values(results)}")

    def remarked(self, text: str) -> None:
        """Print the remark on a line."""
        self._console.print(f"remark: {text}")


def _values(results: Sequence[Any]) -> str:
    return "  ".join(f"{each.label} {'refused' if each.value is None else f'{each.value:.4g}'}" for each in results)


def _totals(line: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in line.items() if name.endswith(f"/{TOTAL}"))
