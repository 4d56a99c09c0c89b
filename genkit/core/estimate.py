"""Number with a confidence interval, which a metric may return."""

from __future__ import annotations

from typing import Self


class Estimate(float):
    """A number, and the interval that contains the true one with the stated confidence."""

    interval: tuple[float, float] | None
    """Confidence interval; None if there are too few samples for one, or if they do not vary."""

    def __new__(cls, value: float, interval: tuple[float, float] | None) -> Self:
        """Return the number with its interval, low and high; `without_equal_ends` says which are none."""
        made = super().__new__(cls, value)
        made.interval = without_equal_ends(interval)
        return made


def without_equal_ends(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the interval, low and high; None if its ends are equal.

    It would claim certainty, for example where six pictures are perfectly separated and all replicates of a bootstrap
    are equal.
    """
    return None if interval is None or interval[0] == interval[1] else interval
