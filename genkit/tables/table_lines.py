"""The lines of a results table: one metric of one row, with a number for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from genkit.evaluation.value_scale import ValueScale, value_scale
from genkit.tables.best_number import mark_best
from genkit.tables.cell_number import NO_SUCH_METRIC, CellNumber, cell_number
from genkit.tables.cell_result import CellResult
from genkit.tables.different_data import find_different_data
from genkit.tables.experiment import Experiment
from genkit.tables.shared_decimals import share_decimals
from genkit.tables.spec import TableSpec


@dataclass(frozen=True)
class TableLine:
    """One metric of one row of the table."""

    row: str
    metric: str
    better: Literal["lower", "higher"] | None
    numbers: Mapping[str, CellNumber | None]  # by column; None if the row has no such cell
    scale: ValueScale | None = None  # of the metric, if it has the same one in all cells of the row


def lines_of(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[TableLine]:
    """Return the lines of the table, row by row and metric by metric, without lines that are empty."""
    in_cell: dict[tuple[str, str], list[Experiment]] = {}
    for experiment in experiments:
        in_cell.setdefault((experiment.cell.row, experiment.cell.column), []).append(experiment)

    not_comparable = {(each.row, each.metric) for each in find_different_data(table, experiments, kept)}
    lines = []
    for row in table.rows:
        for metric in table.metrics:
            numbers = {}
            for column in table.columns:
                published = _published(table, row, column, metric)
                numbers[column] = cell_number(in_cell.get((row, column), ()), metric, kept, published)
            if any(map(_has_content, numbers.values())):
                better = _better(metric, experiments)
                numbers = mark_best(numbers, None if (row, metric) in not_comparable else better)
                scale = _scale([each for column in table.columns for each in in_cell.get((row, column), ())], metric)
                lines.append(TableLine(row, metric, better, numbers, scale))
    return _with_shared_decimals(table, lines)


def _with_shared_decimals(table: TableSpec, lines: Sequence[TableLine]) -> list[TableLine]:
    """Return the lines, in their order, with numbers of comparable precision in all lines of a metric."""
    numbers: dict[tuple[str, str], Mapping[str, CellNumber | None]] = {}
    for metric in table.metrics:
        of_metric = [line for line in lines if line.metric == metric]
        unit = all(line.scale is not None and line.scale.is_unit for line in of_metric)
        shared = share_decimals([line.numbers for line in of_metric], unit=unit)
        numbers.update({(line.row, metric): each for line, each in zip(of_metric, shared, strict=True)})
    return [replace(line, numbers=numbers[line.row, line.metric]) for line in lines]


def _has_content(number: CellNumber | None) -> bool:
    return number is not None and (number.without_values != NO_SUCH_METRIC or number.published is not None)


def _better(metric: str, experiments: Sequence[Experiment]) -> Literal["lower", "higher"] | None:
    return next((each.plan.metrics[metric].better for each in experiments if metric in each.plan.metrics), None)


def _scale(experiments: Sequence[Experiment], metric: str) -> ValueScale | None:
    """Return the scale of a metric, if it has the same one in all of some experiments that measure it."""
    plans = [each.plan for each in experiments if metric in each.plan.protocols]
    scales = {value_scale(plan.metrics[metric], plan.protocols[metric]) for plan in plans}
    return scales.pop() if len(scales) == 1 else None


def _published(table: TableSpec, row: str, column: str, metric: str) -> float | None:
    return table.published.cells.get(row, {}).get(column, {}).get(metric) if table.published else None
