"""Number with a confidence interval, which a metric may return."""

from __future__ import annotations

from typing import Self


class Estimate(float):
    """A number, and the interval that contains the true one with the stated confidence."""

    interval: tuple[float, float] | None
    """Confidence interval; None if there are too few samples for one."""

    def __new__(cls, value: float, interval: tuple[float, float] | None) -> Self:
        """Return the number with its interval, low and high."""
        made = super().__new__(cls, value)
        made.interval = interval
        return made
