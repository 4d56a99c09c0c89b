"""Detection of numbers in one line that were measured on different data, and cannot be compared."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec


class DifferentData(NamedTuple):
    """A line of the table whose numbers were measured on different data."""

    row: str
    metric: str
    split: str  # the split that the metric reads
    one: str  # a column
    other: str  # a column whose data differ from those of `one`


def find_different_data(
    table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]
) -> Iterator[DifferentData]:
    """Yield the lines of the table that mix data; only the split that the metric reads is compared."""
    for row, metric in itertools.product(table.rows, table.metrics):
        measured = [
            (each.cell.column, run, run.results[metric].protocol.split)
            for each in experiments
            if each.cell.row == row and (run := kept.get(str(each))) and metric in run.results
        ]
        for column, run, split in measured[1:]:
            first_column, first_run, _ = measured[0]
            if run.has_other_data(first_run, split):
                yield DifferentData(row, metric, split, first_column, column)
                break
