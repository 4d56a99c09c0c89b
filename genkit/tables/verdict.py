"""Which columns lead a line of a table of results: one is best, several are tied, or nothing is compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.tables.best_number import leading_columns
from genkit.tables.table_lines import TableLine

TIED = "tied"
ALL = "all"


@dataclass(frozen=True)
class Verdict:
    """The titles of the leading columns of a line; none if nothing is compared."""

    leading: Sequence[str] = ()
    tied: bool = False

    def __str__(self) -> str:
        return ", ".join(self.leading) + f" {TIED}" * self.tied


def verdict(line: TableLine, titles: Mapping[str, str], comparable: bool) -> Verdict:
    """Return the best column of a line, or those that are tied; "all" if no number is beaten.

    Tied are the column with the best mean and those that it does not beat, as `genkit.tables.best_number` says.

    Nothing is compared if there is one number only, no direction, a stale number, a seed that is missing, or
    different data.
    """
    measured = {column: number for column, number in line.numbers.items() if number is not None and number.values}
    best = [titles[column] for column, number in measured.items() if number.best]
    if best:
        return Verdict(best)
    complete = all(number.complete and not number.stale for number in measured.values())
    if not (line.better and comparable and len(measured) > 1 and complete):
        return Verdict()
    leading = leading_columns(measured, line.better)
    return Verdict([ALL] if len(leading) == len(measured) else [titles[column] for column in leading], tied=True)
