"""Console output: tables and a progress bar on a terminal, plain lines in files and pipes.

`genkit run` and `genkit resume` make the console silent on every process but the main one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import rich.console
from rich.cells import cell_len
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from genkit.console.ascii_forms import written_in
from genkit.console.escapes import escaped
from genkit.console.notebook_line import line_in_notebook
from genkit.console.output_width import given_width, is_terminal, set_width
from genkit.console.progress_lines import CountLines
from genkit.console.run_progress import (
    SECONDS_BETWEEN_LINES,
    LastTerms,
    ProgressBar,
    ProgressInNotebook,
    ProgressLines,
    SilentProgress,
)
from genkit.console.tables import laid_out, names_and_texts
from genkit.console.words import wrapped_prose
from genkit.launched import is_main_process

WIDE = 100  # columns of a terminal with room for a long bar


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

    def prose(self, text: str, before: str = "") -> None:
        """Print sentences, such as notes and remarks, with a label before them.

        Where the output has a width, lines are broken between words, below the first word; a terminal breaks them
        anywhere.
        """
        text, before = self._shown(text), self._shown(before)
        lines = wrapped_prose(text, max(1, self.rich.width - cell_len(before))) if self.has_width else text.split("\n")
        for number, line in enumerate(lines):
            indent = before if number == 0 else " " * (cell_len(before) if self.has_width else 0)
            self.rich.print((indent + line).rstrip(), markup=False)

    def remarks(self, *texts: str) -> None:
        """Print sentences that are not results; nothing if quiet."""
        for text in () if self.quiet else texts:
            self.prose(text)

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

    def texts(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print texts about names, each row a name and a text; nothing if there are none."""
        if not rows:
            return
        shown = [[self._shown(cell) for cell in row] for row in (columns, *rows)]
        for part in names_and_texts(self._shown(title), shown[0], shown[1:], self.rich.width):
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
                LastTerms(),
            )
            with Progress(*columns, console=self.rich) as bar:
                yield ProgressBar(bar, total)
        else:
            yield ProgressLines(self, total)


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
