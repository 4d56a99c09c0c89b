"""The number in one cell of a table: mean and deviation of a metric over seeds, or the interval of one seed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.tables.cell_result import CellResult
from genkit.tables.experiment import Experiment

NO_SUCH_METRIC = "–"  # the text of a cell whose recipe lacks the metric


@dataclass(frozen=True)
class CellNumber:
    """A metric of one cell, over the training seeds."""

    values: tuple[float, ...] = ()  # one for each seed that has a value
    intervals: tuple[tuple[float, float] | None, ...] = ()  # of confidence, one for each value
    seeds: tuple[int, ...] = ()  # the seeds of these values
    seeds_in_table: int = 0  # how many seeds the table has
    published: float | None = None
    stale: bool = False  # the cell has another recipe or protocol now
    without_values: str = "not run"  # printed if there are no values
    best: bool = False  # best of its line, by `genkit.tables.best_number`
    decimals: int | None = None  # shared with the numbers beside it, by `genkit.tables.shared_decimals`

    @property
    def text(self) -> str:
        """The number with † if it is stale, and the number of seeds if some have no value."""
        if not self.values:
            return self.without_values
        return self.marked_text if self.complete else f"{self.marked_text} ({self.count})"

    @property
    def marked_text(self) -> str:
        """The number with † if it is stale, whatever the number of seeds; empty without values."""
        return self.number_text + ("†" if self.stale else "")

    @property
    def count(self) -> str:
        """How many seeds have a value: ``1 of 3``."""
        return f"{len(self.values)} of {self.seeds_in_table}"

    @property
    def number_text(self) -> str:
        """Mean ± standard deviation (n - 1), or the one value with its confidence interval; empty without values.

        It has `decimals`; else about three digits, and none after the point if it is a count. Exactly 0 is ``0``, or
        ``0 ± 0`` in several seeds, since decimals would not make it clearer.
        """
        if not self.values:
            return ""
        mean = statistics.fmean(self.values)
        if self.interval is not None:
            return value_and_interval(mean, self.interval, self.decimals or 0)
        several = len(self.values) > 1
        if not any(self.values):
            return "0 ± 0" if several else "0"
        decimals = 0 if self.decimals is None and self.is_whole and self.is_of_counts else self.decimals
        if several:
            return mean_and_spread(mean, statistics.stdev(self.values), decimals)
        return rounded(mean, mean) if decimals is None else with_decimals(mean, decimals)

    @property
    def is_of_counts(self) -> bool:
        """Whether all values are whole, and none has an interval, which counts do not have."""
        return all(float(value).is_integer() for value in self.values) and not any(self.intervals)

    @property
    def is_whole(self) -> bool:
        """Whether all seeds have the same whole number, such as a count of modes."""
        return len(set(self.values)) == 1 and float(self.values[0]).is_integer()

    @property
    def interval(self) -> tuple[float, float] | None:
        """The confidence interval, if there is one value and its metric gives one; several seeds have a spread."""
        return self.intervals[0] if len(self.values) == 1 and self.intervals else None

    @property
    def complete(self) -> bool:
        """Whether every seed of the table has a value."""
        return len(self.values) >= self.seeds_in_table


def cell_number(
    experiments: Sequence[Experiment], metric: str, kept: Mapping[str, CellResult], published: float | None
) -> CellNumber | None:
    """Return a metric of one cell; None if the table has no such cell and no published number for it.

    `experiments` are those of the cell, one for each seed. `kept` holds the results of the whole table.
    """
    if not experiments:
        return None if published is None else CellNumber(published=published, without_values=NO_SUCH_METRIC)
    if metric not in experiments[0].plan.metrics:
        return CellNumber(published=published, without_values=NO_SUCH_METRIC)
    runs = [(each, kept[str(each)]) for each in experiments if str(each) in kept]
    measured = [(each, run, run.results[metric]) for each, run in runs if metric in run.results]
    found = [(result.value, result.interval, each.seed) for each, _, result in measured if result.value is not None]
    return CellNumber(
        values=tuple(value for value, _, _ in found),
        intervals=tuple(interval for _, interval, _ in found),
        seeds=tuple(seed for _, _, seed in found),
        seeds_in_table=len(experiments),
        published=published,
        stale=any(not (run.has_recipe_of(each) and run.has_protocol_of(each, metric)) for each, run, _ in measured),
        without_values=_without_values([run for _, run in runs], measured=bool(measured)),
    )


def _without_values(runs: Sequence[CellResult], *, measured: bool) -> str:
    if any(run.failure for run in runs):
        return "failed"
    if measured:
        return "refused"
    return "not measured" if runs else "not run"


def rounded(value: float, like: float, more: int = 0) -> str:
    """Return `value` with the decimals that give `like` about three digits, and `more` decimals beyond these."""
    size = abs(like)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.{2 + more}e}"
    return f"{value:.{more + (1 if size >= 10 else 2 if size >= 1 else 3 if size >= 0.1 or size == 0 else 4)}f}"


def value_and_interval(value: float, interval: tuple[float, float], least: int = 0) -> str:
    """Return ``value [low, high]``, with up to three more decimals if two different ends would be printed as equal.

    It also has up to three more if it would have fewer than `least` decimals.
    """
    for more in range(4):
        low, high = (rounded(end, like=value, more=more) for end in interval)
        if (low != high or interval[0] == interval[1]) and ("e" in low or decimals_of(low) >= least):
            break
    return f"{rounded(value, like=value, more=more)} [{low}, {high}]"


def mean_and_spread(mean: float, spread: float, decimals: int | None = None) -> str:
    """Return ``mean ± spread``, with up to three more decimals if a spread above 0 would otherwise be printed as 0.

    Without `decimals`, both have those that give the mean about three digits. A spread of exactly 0 is ``± 0``, which
    no other spread is.
    """

    def text(value: float, more: int) -> str:
        return rounded(value, like=mean, more=more) if decimals is None else f"{value:.{decimals + more}f}"

    if spread == 0:
        return f"{text(mean, 0) if decimals is None else with_decimals(mean, decimals)} ± 0"
    more = next((more for more in range(4) if float(text(spread, more)) > 0), 3)
    return f"{text(mean, more)} ± {text(spread, more)}"


def with_decimals(value: float, decimals: int) -> str:
    """Return a number with these decimals, or three more at most if it would otherwise be printed as 0."""
    texts = [f"{value:.{decimals + more}f}" for more in range(4)]
    return next((text for text in texts if float(text)), rounded(value, like=value))


def decimals_of(text: str) -> int:
    """Return how many decimals the number at the start of a text has; 0 for a power of ten, such as ``2.5e+07``."""
    number = text.split(" ", 1)[0]
    return 0 if "e" in number else len(number.partition(".")[2])
