"""The best trials of a search, and which others are as good within the spread over the seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from genkit.tables.cell_number import mean_and_spread, rounded
from genkit.tuning.space import Better
from genkit.tuning.study import TrialRecord


@dataclass(frozen=True)
class Ranking:
    """The trials that have a number, the best first."""

    ranked: tuple[TrialRecord, ...]

    @classmethod
    def of(cls, records: Sequence[TrialRecord], better: Better) -> Ranking:
        """Rank the trials whose training has finished with a number; of equals the earlier is better."""
        sign = 1 if better == "lower" else -1
        numbers = [
            (sign * each.value, each.number, each) for each in records if has_number(each) and each.value is not None
        ]
        return cls(tuple(each for _, _, each in sorted(numbers, key=lambda entry: entry[:2])))

    @property
    def best(self) -> TrialRecord | None:
        """The best trial; None if no trial has a number."""
        return self.ranked[0] if self.ranked else None

    @property
    def ties(self) -> tuple[TrialRecord, ...]:
        """The other trials whose mean differs from the best by at most one standard deviation over the seeds.

        The deviation is the root of the mean of both variances. Trials of one seed have none, and no ties but equals.
        """
        return tuple(each for each in self.ranked[1:] if self._is_tie(each))

    def _is_tie(self, other: TrialRecord) -> bool:
        best = self.ranked[0]
        assert best.value is not None and other.value is not None  # they are ranked
        return abs(other.value - best.value) <= math.hypot(spread(best), spread(other)) / math.sqrt(2)


def has_number(record: TrialRecord) -> bool:
    """Return whether all seeds of a trial have a finite value."""
    return record.state == "complete" and record.value is not None and math.isfinite(record.value)


def spread(record: TrialRecord) -> float:
    """Return the standard deviation (n - 1) of a trial over its seeds; 0 for a single seed."""
    return statistics.stdev(record.values) if len(record.values) > 1 else 0.0


def number_text(record: TrialRecord) -> str:
    """Return the value of a trial: mean ± standard deviation, or why it has none."""
    if record.state == "pruned":
        return "stopped early" if record.value is None else f"stopped early at {rounded(record.value, record.value)}"
    if not has_number(record):
        texts = {"planned": "planned", "running": "not finished", "failed": "failed"}
        return texts.get(record.state, "diverged")
    assert record.value is not None
    if len(record.values) < 2:
        return rounded(record.value, record.value)
    return mean_and_spread(record.value, spread(record))
