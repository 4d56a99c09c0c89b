"""A straight line between two values: KL annealing, a learning rate that falls to zero."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval


@dataclass(frozen=True)
class LinearSchedule:
    """From `start` at t = `begin` to `stop` at t = `end`; constant before and after.

    Raises `ValueError` unless `begin` < `end`.
    """

    start: float = 0.0
    stop: float = 1.0
    begin: Annotated[float, Interval(ge=0, le=1)] = 0.0
    end: Annotated[float, Interval(ge=0, le=1)] = 1.0

    def __post_init__(self) -> None:
        if not self.begin < self.end:
            raise ValueError(f"begin = {self.begin} must be smaller than end = {self.end}")

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        along = (t - self.begin) / (self.end - self.begin)
        return self.start + (self.stop - self.start) * min(max(along, 0.0), 1.0)
