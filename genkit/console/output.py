"""What a command says: tables and a progress bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

SECONDS_BETWEEN_LINES = 10.0


class Console:
    """Prints for a person. `silent`: nothing at all; `quiet`: only results. ``NO_COLOR`` is honoured by rich."""

    def __init__(self, *, silent: bool = False, quiet: bool = False):
        self.silent, self.quiet = silent, quiet
        self.rich = rich.console.Console(quiet=silent, highlight=False, soft_wrap=True, emoji=False)
        if not self.rich.is_terminal:
            self.rich.width = 160  # a file or a pipe has no width of its own

    def print(self, text: str) -> None:
        """Print plain text."""
        self.rich.print(text, markup=False)

    def info(self, *texts: str) -> None:
        """Print text that is no result."""
        for text in () if self.quiet else texts:
            self.print(text)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table; nothing where it has no rows."""
        if not rows:
            return
        table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold", header_style="dim")
        for row in rows:
            table.add_row(*map(Text, row))  # a cell is no markup, whatever brackets it holds
        self.rich.print(table, soft_wrap=False)
        self.rich.print()

    @contextmanager
    def progress(self, total: int) -> Iterator[SilentProgress]:
        """Show how far a run of `total` steps is."""
        if self.silent or self.quiet:
            yield SilentProgress()
        elif self.rich.is_terminal:
            columns = (
                TextColumn("step"),
                MofNCompleteColumn(),
                BarColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[terms]}"),
            )
            with Progress(*columns, console=self.rich) as bar:
                yield ProgressBar(bar, total)
        else:
            yield ProgressLines(self, total)


@contextmanager
def progress_count(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar of work that is no training; yields what to call with each number of things done.

    On the terminal of the main process alone, and on standard error: a result may be on its way through the other.
    """
    console = rich.console.Console(stderr=True, highlight=False)
    if not console.is_terminal or os.environ.get("RANK", "0") != "0":
        yield lambda done: None
        return
    columns = (TextColumn("{task.description}", markup=False), MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


class SilentProgress:
    """Takes note of steps, and shows nothing."""

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Take note of a completed step, and of its logged line where it has one."""

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Take note of the numbers of the model after a step."""


class ProgressBar(SilentProgress):
    """A progress bar with rate, time left and the newest logged terms."""

    def __init__(self, bar: Progress, total: int):
        self._bar = bar
        self._task = bar.add_task("", total=total, rate="", terms="")

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Move the bar."""
        speed = self._bar.tasks[self._task].speed
        rate = f"{speed:.1f} steps/s" if speed else ""
        self._bar.update(self._task, completed=step, rate=rate)
        if line is not None:
            self._bar.update(self._task, terms=_terms(line))

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Print the numbers above the bar."""
        self._bar.console.print(f"step {step}  {_numbers(results)}", markup=False)


class ProgressLines(SilentProgress):
    """A plain line every few seconds."""

    def __init__(self, console: Console, total: int):
        self._console, self._total = console, total
        self._first: tuple[int, float] | None = None
        self._spoken = time.monotonic()

    def update(self, step: int, line: dict[str, float] | None) -> None:
        """Speak at a logged step if it is time to, and at the end."""
        now = time.monotonic()
        if self._first is None:
            self._first = (step, now)
        if line is None or (now - self._spoken < SECONDS_BETWEEN_LINES and step < self._total):
            return
        self._spoken = now
        rate = (step - self._first[0]) / max(now - self._first[1], 1e-9)
        left = f", {(self._total - step) / rate:.0f} s left" if rate > 0 and step < self._total else ""
        self._console.print(f"step {step}/{self._total}  {rate:.1f} steps/s{left}  {_terms(line)}")

    def evaluated(self, step: int, results: Sequence[Any]) -> None:
        """Speak, however long ago the last line was."""
        self._console.print(f"step {step}/{self._total}  {_numbers(results)}")


def _numbers(results: Sequence[Any]) -> str:
    return "  ".join(f"{each.label} {'refused' if each.value is None else f'{each.value:.4g}'}" for each in results)


def _terms(line: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in line.items() if name.endswith("/total"))
