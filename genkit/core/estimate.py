"""Number with a confidence interval, which a metric may return."""

from __future__ import annotations

from typing import Self


class Estimate(float):
    """A number, and the interval that contains the true one with the stated confidence."""

    interval: tuple[float, float] | None
    """Confidence interval; None if there are too few samples for one, or if they do not vary."""

    def __new__(cls, value: float, interval: tuple[float, float] | None) -> Self:
        """Return the number with its interval, low and high.

        Equal ends are no interval: they would claim certainty, for example where six pictures are perfectly separated
        and all replicates of a bootstrap are equal.
        """
        made = super().__new__(cls, value)
        made.interval = None if interval is None or interval[0] == interval[1] else interval
        return made
