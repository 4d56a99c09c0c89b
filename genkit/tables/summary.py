"""A table's numbers in place: a mean over seeds for each cell and metric, and which of them is best beyond doubt."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from genkit.tables.experiment import Experiment, differences
from genkit.tables.results_file import CellResult
from genkit.tables.spec import TableSpec

CHANCE = 0.05  # how likely a bold number may be bold by luck


@dataclass(frozen=True)
class Number:
    """A metric of one cell, over the seeds of training."""

    values: tuple[float, ...] = ()  # one for each seed that has one
    seeds: tuple[int, ...] = ()  # whose values these are
    wanted: int = 0  # how many seeds the table asks for
    published: float | None = None
    stale: bool = False  # made by another recipe or protocol than the cell has now
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
            text = mean_and_spread(mean, statistics.stdev(self.values)) if len(self.values) > 1 else rounded(mean, mean)
        some = f" ({len(self.values)} of {self.wanted})" if not self.complete else ""
        return text + ("†" if self.stale else "") + some

    @property
    def complete(self) -> bool:
        """Whether every seed has a value."""
        return len(self.values) >= self.wanted


@dataclass(frozen=True)
class Line:
    """One metric of one row of the table, across the columns."""

    row: str
    metric: str
    better: Literal["lower", "higher"] | None
    numbers: Mapping[str, Number | None]  # by column; None where the row has no such cell


def rounded(value: float, like: float, more: int = 0) -> str:
    """Write `value` with as many decimals as a number of the size of `like` deserves, three digits or so, or more."""
    size = abs(like)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.{2 + more}e}"
    return f"{value:.{more + (1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 or size == 0 else 4)}f}"


def mean_and_spread(mean: float, spread: float) -> str:
    """Write both with so many decimals that a spread which is not 0 does not look like it, three more at most."""
    for more in range(4):
        text = rounded(spread, like=mean, more=more)
        if spread == 0 or float(text) > 0:
            break
    return f"{rounded(mean, like=mean, more=more)} ± {text}"


def lines_of(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[Line]:
    """Return the lines of the table, row by row and metric by metric."""
    by_cell: dict[tuple[str, str], list[Experiment]] = {}
    for experiment in experiments:
        by_cell.setdefault((experiment.cell.row, experiment.cell.column), []).append(experiment)

    lines, unlike = [], {(each.row, each.metric) for each in unlike_data(table, experiments, kept)}
    for row in table.rows:
        for metric in table.metrics:
            numbers = {
                column: _number(by_cell.get((row, column), ()), metric, kept, published_of(table, row, column, metric))
                for column in table.columns
            }
            if any(
                each is not None and (each.lacks != NO_SUCH_METRIC or each.published is not None)
                for each in numbers.values()
            ):
                better = next((e.plan.metrics[metric].better for e in experiments if metric in e.plan.metrics), None)
                lines.append(Line(row, metric, better, with_best(numbers, None if (row, metric) in unlike else better)))
    return lines


class Unlike(NamedTuple):
    """A line of the table whose numbers come from unlike data."""

    row: str
    metric: str
    split: str  # which is read
    one: str  # a column
    other: str  # another, whose data differ


def unlike_data(
    table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]
) -> Iterator[Unlike]:
    """Yield the lines whose numbers come from unlike data: of the split that the metric reads."""
    for row, metric in itertools.product(table.rows, table.metrics):
        there = [
            (each.cell.column, record, record.results[metric].protocol.split)
            for each in experiments
            if each.cell.row == row and (record := kept.get(str(each))) and metric in record.results
        ]
        for column, record, split in there[1:]:
            if record.on_other_data(there[0][1], split):
                yield Unlike(row, metric, split, there[0][0], column)
                break


NO_SUCH_METRIC = "–"


def published_of(table: TableSpec, row: str, column: str, metric: str) -> float | None:
    """Return what has been published for a place of the table."""
    return table.published.cells.get(row, {}).get(column, {}).get(metric) if table.published else None


def _number(
    group: Sequence[Experiment], metric: str, kept: Mapping[str, CellResult], published: float | None
) -> Number | None:
    if not group:
        return None if published is None else Number(published=published, lacks=NO_SUCH_METRIC)
    if metric not in group[0].plan.metrics:
        return Number(published=published, lacks=NO_SUCH_METRIC)
    have = [(each, kept[str(each)]) for each in group if str(each) in kept]
    made = [(each, record, record.results[metric]) for each, record in have if metric in record.results]
    pairs = [(result.value, each.seed) for each, _, result in made if result.value is not None]
    stale = any(not (record.trained_as(each) and record.measured_as(each, metric)) for each, record, _ in made)
    if any(record.failure for _, record in have):
        lacks = "failed"
    elif made:
        lacks = "refused"
    else:
        lacks = "not measured" if have else "not run"
    values, seeds = tuple(value for value, _ in pairs), tuple(seed for _, seed in pairs)
    return Number(values, seeds, len(group), published, stale, lacks)


def with_best(
    numbers: Mapping[str, Number | None], better: Literal["lower", "higher"] | None
) -> dict[str, Number | None]:
    """Mark the number whose every seed beats every seed of every other, if that can hardly be luck.

    Were two methods alike, the n seeds of one would all beat the m of the other once in (n+m choose n): the exact
    permutation test, one-sided. Three against three make it 1 in 20, two against five 1 in 21. A number that lacks a
    seed is never best, lest the seeds that failed be forgotten; and none is in a line where one is stale.
    """
    sign = {"lower": 1, "higher": -1, None: 0}[better]
    rivals = {column: number for column, number in numbers.items() if number is not None and number.values}
    if any(number.stale for number in rivals.values()):
        return dict(numbers)
    for column, number in rivals.items():
        others = [other for name, other in rivals.items() if name != column]
        if sign and others and number.complete and all(_beats(number, other, sign) for other in others):
            return {**numbers, column: replace(number, best=True)}
    return dict(numbers)


def _beats(one: Number, other: Number, sign: int) -> bool:
    apart = max(sign * value for value in one.values) < min(sign * value for value in other.values)
    return apart and 1 / math.comb(len(one.values) + len(other.values), len(one.values)) <= CHANCE


def remarks_of(table: TableSpec, experiments: Sequence[Experiment], kept: Mapping[str, CellResult]) -> list[str]:
    """Return what stands below the table, in words."""
    remarks = [table.note.strip()] if table.note else []
    if table.published:
        remarks.append(f"In brackets: published, {table.published.source}.")
    remarks.append(
        f"Mean ± standard deviation over training seeds ({', '.join(map(str, table.seeds))}; those that are kept). "
        "Best (bold, or a star): every seed beats every seed of every other in its line, which luck does once in "
        f"{1 / CHANCE:.0f} at most."
    )
    remarks += dict.fromkeys(
        f"{table.rows[line.row].title or line.row}: {line.one} and {line.other} were measured on different data, in "
        f"the {line.split} split. No number of one that reads it can be compared with one of the other, and none is "
        "best."
        for line in unlike_data(table, experiments, kept)
    )
    not_run = {each.cell.row for each in experiments if str(each) not in kept}
    remarks += [
        f"{row.title or name}: not run by itself, since it needs {row.needs}; --only {name} runs it."
        for name, row in table.rows.items()
        if row.needs and name in not_run
    ]
    for experiment in experiments:
        if record := kept.get(str(experiment)):
            remarks += _remarks_of(experiment, record, table.metrics)
    return remarks


def _remarks_of(experiment: Experiment, record: CellResult, labels: Sequence[str]) -> Iterator[str]:
    trained_as = record.trained_as(experiment)
    if not trained_as:
        changed = "; ".join(differences(record.recipe, experiment.recipe))
        yield f"† {experiment} was made with another recipe: {changed}."
    if record.failure:
        yield f"{experiment} failed: {record.failure}"
    for label in labels:
        if (result := record.results.get(label)) is None:
            continue
        if result.value is None:
            yield f"{experiment} {label} is refused: {result.reason}."
        if trained_as and label in experiment.plan.metrics and not record.measured_as(experiment, label):
            yield f"† {experiment} {label} was measured by another protocol: {result.protocol}."


def protocols_of(experiments: Sequence[Experiment]) -> dict[tuple[str, str, str], str]:
    """Return how each number is made, in words, by row, column and metric."""
    return {
        (each.cell.row, each.cell.column, label): str(protocol)
        for each in experiments
        for label, protocol in each.plan.protocols.items()
    }
