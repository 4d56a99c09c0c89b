"""A table's numbers in place: a mean over seeds for each cell and metric, and which of them is best beyond doubt."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from genkit.table.experiment import Experiment, differences
from genkit.table.kept import Kept
from genkit.table.spec import Table

CHANCE = 0.05  # how likely a bold number may be bold by luck


@dataclass(frozen=True)
class Number:
    """A metric of one cell, over the seeds of training."""

    values: tuple[float, ...] = ()  # one a seed
    published: float | None = None
    stale: bool = False  # made by another recipe than the cell has now
    lacks: str = "not run"  # why there are no values
    best: bool = False  # of its line, beyond doubt

    @property
    def text(self) -> str:
        """Mean ± standard deviation, or why there is none."""
        if not self.values:
            return self.lacks
        mean = statistics.fmean(self.values)
        if len(set(self.values)) == 1 and mean.is_integer():  # counts that agree
            text = f"{mean:.0f}" + (" ± 0" if len(self.values) > 1 else "")
        else:
            spread = f" ± {rounded(statistics.stdev(self.values), like=mean)}" if len(self.values) > 1 else ""
            text = rounded(mean, like=mean) + spread
        return text + ("†" if self.stale else "")


@dataclass(frozen=True)
class Line:
    """One metric of one row of the table, across the columns."""

    row: str
    metric: str
    better: Literal["lower", "higher"] | None
    numbers: Mapping[str, Number | None]  # by column; None where the row has no such cell


def rounded(value: float, like: float) -> str:
    """Write `value` with as many decimals as a number of the size of `like` deserves, three digits or so."""
    size = abs(like)
    return f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"


def lines_of(table: Table, experiments: Sequence[Experiment], kept: Mapping[str, Kept]) -> list[Line]:
    """Return the lines of the table, row by row and metric by metric."""
    by_cell: dict[tuple[str, str], list[Experiment]] = {}
    for experiment in experiments:
        by_cell.setdefault((experiment.cell.row, experiment.cell.column), []).append(experiment)

    lines = []
    for row in table.rows:
        for metric in table.metrics:
            numbers = {
                column: _number(table, group, metric, kept) if (group := by_cell.get((row, column))) else None
                for column in table.columns
            }
            if any(number is not None and number.lacks != NO_SUCH_METRIC for number in numbers.values()):
                better = next((e.plan.metrics[metric].better for e in experiments if metric in e.plan.metrics), None)
                lines.append(Line(row, metric, better, with_best(numbers, better)))
    return lines


NO_SUCH_METRIC = "–"


def _number(table: Table, group: Sequence[Experiment], metric: str, kept: Mapping[str, Kept]) -> Number:
    cell = group[0].cell
    published = table.published.cells.get(cell.row, {}).get(cell.column, {}).get(metric) if table.published else None
    have = [(each, kept[str(each)]) for each in group if str(each) in kept]
    results = [record.results[metric] for _, record in have if metric in record.results]
    values = tuple(result.value for result in results if result.value is not None)
    if metric not in group[0].plan.metrics:
        lacks = NO_SUCH_METRIC
    elif any(record.failure for _, record in have):
        lacks = "failed"
    else:
        lacks = "refused" if results else "not run"
    return Number(values, published, any(not record.serves(each) for each, record in have), lacks)


def with_best(
    numbers: Mapping[str, Number | None], better: Literal["lower", "higher"] | None
) -> dict[str, Number | None]:
    """Mark the number whose every seed beats every seed of every other, if that can hardly be luck.

    Were two methods alike, the n seeds of one would all beat the m of the other once in (n+m choose n): the exact
    permutation test, one-sided. Three against three, or two against five, make it 1 in 20.
    """
    sign = {"lower": 1, "higher": -1, None: 0}[better]
    rivals = {column: number for column, number in numbers.items() if number is not None and number.values}
    for column, number in rivals.items():
        others = [other for name, other in rivals.items() if name != column]
        if sign and others and all(_beats(number, other, sign) for other in others):
            return {**numbers, column: Number(number.values, number.published, number.stale, number.lacks, best=True)}
    return dict(numbers)


def _beats(one: Number, other: Number, sign: int) -> bool:
    apart = max(sign * value for value in one.values) < min(sign * value for value in other.values)
    return apart and 1 / math.comb(len(one.values) + len(other.values), len(one.values)) <= CHANCE


def remarks_of(table: Table, experiments: Sequence[Experiment], kept: Mapping[str, Kept]) -> list[str]:
    """Return what stands below the table, in words."""
    remarks = [table.note.strip()] if table.note else []
    if table.published:
        remarks.append(f"In brackets: published, {table.published.source}.")
    remarks.append(
        f"Mean ± standard deviation over training seeds ({', '.join(map(str, table.seeds))}; those that are kept). "
        "Best (bold, or a star): every seed beats every seed of every other in its line, which luck does once in "
        f"{1 / CHANCE:.0f} at most."
    )
    for experiment in experiments:
        record = kept.get(str(experiment))
        if record and record.failure:
            remarks.append(f"{experiment} failed: {record.failure}")
        elif record and not record.serves(experiment):
            changed = "; ".join(differences(record.recipe, experiment.recipe)) or "a metric or its protocol"
            remarks.append(f"† {experiment} was made with another recipe: {changed}.")
        for label, result in record.results.items() if record else ():
            if result.value is None and label in table.metrics:
                remarks.append(f"{experiment} {label} is refused: {result.reason}.")
    return remarks


def protocols_of(table: Table, experiments: Sequence[Experiment]) -> dict[str, str]:
    """Return how each metric is made, in words, by label."""
    plans = [experiment.plan for experiment in experiments]
    found = {}
    for label in table.metrics:
        protocol = next(plan.protocols[label] for plan in plans if label in plan.protocols)
        details = "".join(f", {name} {value}" for name, value in protocol.details.items())
        found[label] = f"{protocol.samples} samples, {protocol.split} split, {protocol.weights} weights{details}"
    return found
