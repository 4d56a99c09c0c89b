"""Schedule along a straight line, for example for KL annealing or a learning rate that falls to zero."""

from dataclasses import dataclass
from typing import Annotated

from genkit.api import Doc, UnitInterval


@dataclass(frozen=True)
class LinearSchedule:
    """Straight line from `start` at t = `begin` to `stop` at t = `end`, constant before and after.

    Raises `ValueError` unless `begin` < `end`.
    """

    start: Annotated[float, Doc("Value up to t = `begin`.")] = 0.0
    stop: Annotated[float, Doc("Value from t = `end` on.")] = 1.0
    begin: Annotated[UnitInterval, Doc("Progress t at which the line begins, from 0 to 1.")] = 0.0
    end: Annotated[UnitInterval, Doc("Progress t at which the line ends, from 0 to 1, greater than `begin`.")] = 1.0

    def __post_init__(self) -> None:
        if not self.begin < self.end:
            raise ValueError(f"begin = {self.begin} must be smaller than end = {self.end}")

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        along = (t - self.begin) / (self.end - self.begin)
        return self.start + (self.stop - self.start) * min(max(along, 0.0), 1.0)
