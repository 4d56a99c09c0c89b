"""Heat maps of a table of results: one for each metric, coloured only where numbers are comparable."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from genkit.pages.chart import value_text
from genkit.pages.heat_map import HeatCell, HeatMap, HeatRow, heat_levels, is_logarithmic
from genkit.tables.cell_number import CellNumber
from genkit.tables.cell_result import CellResult
from genkit.tables.different_data import find_different_data
from genkit.tables.open_table import OpenTable
from genkit.tables.results_table import on_one_line
from genkit.tables.table_lines import TableLine

NO_CELL = "not in the table"
DEVIATIONS = 4  # of the seeds of a number, which a scale spans at least
MIXED = "A row whose numbers were measured on different data has no colours."
DIRECTIONS = {"lower": "Lower is better", "higher": "Higher is better", None: "Neither direction is better"}


def heat_maps(table: OpenTable, lines: Sequence[TableLine]) -> list[HeatMap]:
    """Return a heat map for each metric that has at least two numbers."""
    return [
        _heat_map(table, metric, of_metric)
        for metric in table.spec.metrics
        if (of_metric := [line for line in lines if line.metric == metric]) and _has_two(of_metric)
    ]


def _has_two(lines: Sequence[TableLine]) -> bool:
    return sum(bool(number and number.values) for line in lines for number in line.numbers.values()) > 1


def _heat_map(table: OpenTable, metric: str, lines: Sequence[TableLine]) -> HeatMap:
    mixed = {
        each.row for each in find_different_data(table.spec, table.experiments, table.kept) if each.metric == metric
    }
    means = {
        (line.row, column): statistics.fmean(number.values)
        for line in lines
        if line.row not in mixed
        for column, number in line.numbers.items()
        if number is not None and number.values and not number.stale
    }
    spreads = {
        (line.row, column): statistics.stdev(number.values)
        for line in lines
        for column, number in line.numbers.items()
        if (line.row, column) in means and number is not None and len(number.values) > 1
    }
    shared = _one_scale(table, metric)
    better = lines[0].better
    scales = [means] if shared else [{k: v for k, v in means.items() if k[0] == line.row} for line in lines]
    levels = {
        key: level
        for scale in scales
        for key, level in heat_levels(
            scale, better, _least_span([spreads[key] for key in scale if key in spreads])
        ).items()
    }
    columns = table.spec.columns
    rows = [
        HeatRow(
            on_one_line(table.spec.rows[line.row].title or line.row),
            [_cell(line.numbers[column], levels.get((line.row, column))) for column in columns],
        )
        for line in lines
    ]
    numbers = [number for line in lines for number in line.numbers.values()]
    about = [
        *_about(better, shared, list(means.values()), list(spreads.values())),
        *["A hatched cell has no number."] * any(cell.missing for row in rows for cell in row.cells),
        *["A number of another recipe or protocol (†) has no colour."] * any(each and each.stale for each in numbers),
        *[MIXED] * any(line.row in mixed for line in lines),
    ]
    return HeatMap(metric, " ".join(about), [on_one_line(spec.title or name) for name, spec in columns.items()], rows)


def _least_span(spreads: Sequence[float]) -> float:
    """Return how wide a scale is at least, so that differences as large as those between seeds look alike."""
    return DEVIATIONS * math.sqrt(statistics.fmean(spread**2 for spread in spreads)) if spreads else 0.0


def _cell(number: CellNumber | None, level: float | None) -> HeatCell:
    if number is None:
        return HeatCell(NO_CELL, None, missing=True)
    return HeatCell(number.text, level, number.best, missing=not number.values)


def _one_scale(table: OpenTable, metric: str) -> bool:
    """Return whether all rows measure a metric by one protocol on the same data."""
    asked = [each for each in table.experiments if metric in each.plan.protocols]
    protocols = {str(each.plan.protocols[metric].comparable) for each in asked}
    measured = [run for each in asked if (run := table.kept.get(str(each))) and metric in run.results]
    return len(protocols) <= 1 and all(_same_data(run, measured[0], metric) for run in measured[1:])


def _same_data(run: CellResult, other: CellResult, metric: str) -> bool:
    return not run.has_other_data(other, run.results[metric].protocol.split)


def _about(better: str | None, shared: bool, means: Sequence[float], spreads: Sequence[float]) -> Iterator[str]:
    strong = "highest" if better is None else "best"
    yield f"{DIRECTIONS[better]}; the {strong} mean has the strongest colour of its scale."
    if shared and means:
        scale = ", on a logarithmic scale" if is_logarithmic(means) else ""
        ends = f"{value_text(min(means))} to {value_text(max(means))}"
        yield f"All cells share one scale; the means are from {ends}{scale}."
    elif means:
        yield "Each row has a scale of its own, since the rows differ in protocol or data."
    if spreads and not (shared and is_logarithmic(means)):
        yield (
            f"A linear scale spans at least {DEVIATIONS} standard deviations of its numbers over the seeds, so "
            "means that are closer have similar colours."
        )
