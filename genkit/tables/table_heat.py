"""Heat maps of a table of results: one for each metric, coloured only where numbers are comparable."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from genkit.evaluation.value_scale import ValueScale
from genkit.pages.chart import value_text
from genkit.pages.heat_map import HeatCell, HeatMap, HeatRow, HeatScale, heat_levels, heat_scale
from genkit.tables.cell_number import CellNumber
from genkit.tables.cell_result import CellResult
from genkit.tables.different_data import find_different_data
from genkit.tables.open_table import OpenTable
from genkit.tables.results_table import on_one_line
from genkit.tables.table_lines import TableLine

NO_CELL = "not in the table"
DEVIATIONS = 4  # of the seeds of a number, which a scale spans at least
MIXED = "A row whose numbers were measured on different data has no colours."
ROWS_DIFFER = "The rows differ in protocol or data, so compare numbers within a row only."
LEAST_SPAN = (
    f"A linear scale spans at least {DEVIATIONS} standard deviations of its numbers over the seeds, so means that are "
    "closer have similar colours."
)
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
    better, declared, alike = lines[0].better, _declared_scale(lines), _measured_alike(table, metric)
    levels: dict[tuple[str, str], float] = {}
    scale = None
    for rows in [{line.row for line in lines}] if declared or alike else [{line.row} for line in lines]:
        of_rows = {key: mean for key, mean in means.items() if key[0] in rows}
        span = _least_span([spread for key, spread in spreads.items() if key[0] in rows])
        scale = HeatScale(min(declared[:2]), max(declared[:2])) if declared else heat_scale(of_rows.values(), span)
        levels |= heat_levels(of_rows, better, scale)
    shared = scale if alike and not declared else None
    columns = table.spec.columns
    shown = [
        HeatRow(
            on_one_line(table.spec.rows[line.row].title or line.row),
            [_cell(line.numbers[column], levels.get((line.row, column))) for column in columns],
        )
        for line in lines
    ]
    numbers = [number for line in lines for number in line.numbers.values()]
    widened = not declared and bool(spreads) and not (shared and shared.logarithmic)
    about = [
        f"{DIRECTIONS[better]}.",
        _about_scale(declared, shared),
        *[ROWS_DIFFER] * (not alike),
        *[LEAST_SPAN] * widened,
        *["A hatched cell has no number."] * any(cell.missing for row in shown for cell in row.cells),
        *["A number of another recipe or protocol (†) has no colour."] * any(each and each.stale for each in numbers),
        *[MIXED] * any(line.row in mixed for line in lines),
    ]
    title = metric + (f" of {declared.best:g}" if declared and declared.counts else "")
    heads = [on_one_line(spec.title or name) for name, spec in columns.items()]
    return HeatMap(title, " ".join(about), heads, shown, _ends(better, declared, shared))


def _declared_scale(lines: Sequence[TableLine]) -> ValueScale | None:
    """Return the scale that the metric of these lines declares, if it is the same in all of them."""
    scales = {line.scale for line in lines}
    return scales.pop() if len(scales) == 1 else None


def _least_span(spreads: Sequence[float]) -> float:
    """Return how wide a scale is at least, so that differences as large as those between seeds look alike."""
    return DEVIATIONS * math.sqrt(statistics.fmean(spread**2 for spread in spreads)) if spreads else 0.0


def _cell(number: CellNumber | None, level: float | None) -> HeatCell:
    if number is None:
        return HeatCell(NO_CELL, None, missing=True)
    return HeatCell(number.text, level, number.best, missing=not number.values)


def _measured_alike(table: OpenTable, metric: str) -> bool:
    """Return whether all rows measure a metric by one protocol on the same data."""
    asked = [each for each in table.experiments if metric in each.plan.protocols]
    protocols = {str(each.plan.protocols[metric].comparable) for each in asked}
    measured = [run for each in asked if (run := table.kept.get(str(each))) and metric in run.results]
    return len(protocols) <= 1 and all(_same_data(run, measured[0], metric) for run in measured[1:])


def _same_data(run: CellResult, other: CellResult, metric: str) -> bool:
    return not run.has_other_data(other, run.results[metric].protocol.split)


def _about_scale(declared: ValueScale | None, shared: HeatScale | None) -> str:
    if declared is None and shared is None:
        return "Each row has a scale of its own."
    if shared and shared.logarithmic:
        return "All cells share one scale, which is logarithmic."
    if declared and not declared.counts and declared.worst > 0 and declared.best > declared.worst:
        chance = f"Numbers up to {declared.worst:g}, that of chance, have its weakest colour."
        return f"All cells share one scale. {chance}"
    return "All cells share one scale."


def _ends(better: str | None, declared: ValueScale | None, shared: HeatScale | None) -> tuple[str, str]:
    """Return what has the weakest colour and what has the strongest one."""
    if declared:
        return value_text(declared.worst), value_text(declared.best)
    if shared:
        ends = value_text(shared.low), value_text(shared.high)
        return ends[::-1] if better == "lower" else ends
    return ("lowest of its row", "highest of its row") if better is None else ("worst of its row", "best of its row")
