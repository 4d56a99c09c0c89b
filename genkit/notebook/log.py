"""The log of a run: its rows, and a table of pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from genkit.console.captured import html_of, text_of
from genkit.console.output import Console
from genkit.errors import UsageError
from genkit.near_miss import near_miss
from genkit.notebook.numbers import checked_index

if TYPE_CHECKING:
    import pandas

SHOWN = 5  # rows of a representation, the newest ones
WIDTH = 80  # columns of the terminal that a representation as a text fits into
GAP = 2  # between two columns of a table


class Row(dict[str, float]):
    """A row of a log by name. A name that it lacks raises `KeyError`, with the names that are close."""

    def __missing__(self, name: object) -> float:
        """Raise `KeyError`."""
        raise KeyError(f"{name}: not in this row of the log.{near_miss(str(name), self)}")


class Log(Sequence[Mapping[str, float]]):
    """Rows by step: the losses of each phase, the schedules and the learning rates, under names such as `vae/total`."""

    def __init__(self, rows: Sequence[Mapping[str, float]]):
        self._rows = list(rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in any row, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for row in self._rows for name in row))

    @overload
    def __getitem__(self, index: int) -> Mapping[str, float]: ...
    @overload
    def __getitem__(self, index: slice) -> Log: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, float] | Log:
        """Return a row, or a log of some rows. Raises `IndexError`, and `UsageError` for what is no index."""
        if isinstance(index, slice):
            return Log(self._rows[index])
        advice = "A name is that of a value in a row, as in run.log[-1][NAME]; run.log.to_frame() has columns"
        return Row(self._rows[checked_index(index, len(self), "the log", "row", advice)])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def to_frame(self) -> pandas.DataFrame:
        """Return a table of pandas with a row for each logged step; the index is the step.

        A name that a row lacks, such as that of a phase which did not run, is NaN there. Raises `UsageError` without
        pandas.
        """
        try:
            import pandas
        except ImportError:
            raise UsageError("run.log.to_frame(): needs pandas. Install it with `pip install pandas`.") from None
        frame = pandas.DataFrame(self._rows, columns=list(self.columns or ("step",)))
        return frame.set_index("step")

    def __repr__(self) -> str:
        return text_of(self._print_narrow) or "no rows"

    def _repr_html_(self) -> str:
        return html_of(self._print) or "no rows"

    def _print(self, console: Console) -> None:
        self._print_columns(console, self.columns)

    def _print_narrow(self, console: Console) -> None:
        """Print the columns that fit into a line: first the step and the totals, then the others."""
        names = self.columns
        first = [name for name in names if name == "step" or name.endswith("/total")]
        chosen: set[str] = set()
        width = 0
        for name in dict.fromkeys((*first, *names)):
            width += GAP + max(map(len, (name, *self._cells(name))))
            if chosen and width - GAP > WIDTH:
                break
            chosen.add(name)
        self._print_columns(console, [name for name in names if name in chosen])

    def _print_columns(self, console: Console, names: Sequence[str]) -> None:
        rows = list(map(list, zip(*map(self._cells, names), strict=True)))
        number, left_out = len(self._rows), len(self.columns) - len(names)
        title = f"log: {number} row{'s' * (number != 1)}" + f", the last {SHOWN}" * (number > SHOWN)
        more = f"; {left_out} more column{'s' * (left_out != 1)} in run.log.columns" if left_out else ""
        console.table(title + more, names, rows)

    def _cells(self, name: str) -> list[str]:
        return [_shown(row.get(name)) for row in self._rows[-SHOWN:]]


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
