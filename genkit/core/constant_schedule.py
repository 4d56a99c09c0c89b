"""A constant: what a plain number in a recipe becomes where a schedule is asked for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ConstantSchedule:
    """The same `value` throughout."""

    value: float

    def __call__(self, t: float, /) -> float:
        """Return the value at any progress `t`."""
        return self.value
