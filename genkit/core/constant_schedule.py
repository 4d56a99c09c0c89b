"""Constant schedule. A plain number in a recipe becomes one where a schedule is expected."""

from dataclasses import dataclass
from typing import Annotated

from genkit.core.field_types import Doc


@dataclass(frozen=True)
class ConstantSchedule:
    """The same `value` throughout the run."""

    value: Annotated[float, Doc("Value at every progress t.")]

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        return self.value
