"""The signs of a table of results, with what each means: a page has them before the numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from genkit.tables.cell_number import NO_SUCH_METRIC, CellNumber
from genkit.tables.table_lines import TableLine


def signs_of(lines: Sequence[TableLine], seeds: Sequence[int], counted: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the signs that occur in these lines, each with its meaning. `seeds` are those of the table.

    The titles of the rows in `counted` say of how many seeds their numbers are, so the numbers do not.
    """
    of_rows = [(line.row, number) for line in lines for number in line.numbers.values() if number is not None]
    partial = [number for row, number in of_rows if row not in counted and number.values and not number.complete]
    return list(_signs([number for _, number in of_rows], partial, seeds))


def _signs(
    numbers: Sequence[CellNumber], partial: Sequence[CellNumber], seeds: Sequence[int]
) -> Iterator[tuple[str, str]]:
    measured = [number for number in numbers if number.values]
    if any(len(number.values) > 1 for number in measured):
        yield "a ± b", f"mean and standard deviation over the training seeds {', '.join(map(str, seeds))}"
    if any(number.interval for number in measured):
        yield "a [b, c]", "value of one seed and its confidence interval"
    if any(number.best for number in measured):
        yield "*", "best of its line"
    if any(number.published is not None for number in numbers):
        yield "[p]", "published"
    if partial:
        yield f"({partial[0].count})", "so many seeds have a value"
    if any(number.stale for number in measured):
        yield "†", "of another recipe or protocol, see below"
    if any(not number.values and number.without_values == NO_SUCH_METRIC for number in numbers):
        yield NO_SUCH_METRIC, "not measured by this recipe"
