"""The values behind a table of results, seed by seed, as its page shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from genkit.pages.chart import value_text
from genkit.tables.cell_number import CellNumber, decimals_of
from genkit.tables.open_table import OpenTable
from genkit.tables.results_table import ResultsTable, on_one_line
from genkit.tables.table_lines import TableLine

DIGITS = 6  # of the largest value of a line
LEAST_DIGITS = 3  # of a value: one that would have fewer has a power of ten


@dataclass(frozen=True)
class SeedRow:
    """The values of one metric of one cell, seed by seed."""

    metric: str
    column: str
    values: Sequence[str]  # one for each seed of the table


@dataclass(frozen=True)
class SeedsOfRow:
    """The values behind one row of the table, and the run of each."""

    title: str
    rows: Sequence[SeedRow]
    runs: Sequence[tuple[str, str]]  # of a column with a seed, and the name of the run


def seeds_of_rows(table: OpenTable, results: ResultsTable) -> Iterator[SeedsOfRow]:
    """Yield the rows that have values, each with the value and the interval of every seed."""
    for row, row_spec in table.spec.rows.items():
        rows = [
            SeedRow(
                line.metric,
                table.spec.columns[column].title or column,
                _by_seed(number, table.spec.seeds, decimals_of_seeds(line)),
            )
            for line in results.lines
            if line.row == row
            for column, number in line.numbers.items()
            if number is not None and number.values
        ]
        cells = {str(each): each for each in table.experiments if each.cell.row == row}
        runs = [
            (f"{table.spec.columns[each.cell.column].title or each.cell.column}, seed {each.seed}", results.runs[name])
            for name, each in cells.items()
            if name in results.runs
        ]
        if rows:
            yield SeedsOfRow(on_one_line(row_spec.title or row), rows, runs)


def decimals_of_seeds(line: TableLine) -> int | None:
    """Return the decimals of all values of a line, such that its largest has six digits; None for whole ones."""
    values = [value for number in line.numbers.values() if number is not None for value in number.values]
    if all(float(value).is_integer() for value in values):
        return None
    return decimals_of(f"{float(f'{max(map(abs, values)):.{DIGITS}g}'):#.{DIGITS}g}")


def _by_seed(number: CellNumber, seeds: Sequence[int], decimals: int | None) -> list[str]:
    """Return the value of each seed with its interval, if it has one."""
    values = dict(zip(number.seeds, zip(number.values, number.intervals, strict=True), strict=True))
    texts = []
    for seed in seeds:
        if seed not in values:
            texts.append("–")
            continue
        value, interval = values[seed]
        ends = "" if interval is None else f" [{_end(interval[0], decimals)}, {_end(interval[1], decimals)}]"
        texts.append(_value(value, decimals) + ends)
    return texts


def _end(value: float, decimals: int | None) -> str:
    """Return an end of an interval, with two decimals less than its value."""
    return value_text(value) if decimals is None else f"{value:.{max(decimals - 2, 0)}f}"


def _value(value: float, decimals: int | None) -> str:
    """Return a value with so many decimals; 0 without any, and a power of ten where they leave too few digits."""
    if decimals is None or value == 0:
        return f"{value:.{DIGITS}g}"
    if abs(value) < 10.0 ** (LEAST_DIGITS - 1 - decimals):
        return f"{value:.{LEAST_DIGITS - 1}e}"
    return f"{value:.{decimals}f}"
