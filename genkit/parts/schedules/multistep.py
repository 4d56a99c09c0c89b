"""A value that is multiplied by a factor at each of some milestones, as the published 2-D learning rates are."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Interval


@dataclass(frozen=True)
class MultistepSchedule:
    """`value`, times `factor` once for each milestone passed; milestones are fractions of the run.

    Fractions, not step numbers, so that a shortened run keeps its shape. Raises `ValueError` unless they increase.
    """

    value: float
    milestones: tuple[Annotated[float, Interval(gt=0, lt=1)], ...]
    factor: Annotated[float, Gt(0)] = 0.1

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones = {list(self.milestones)} must increase")

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        return self.value * self.factor ** sum(t >= milestone for milestone in self.milestones)
