"""Schedule with steps at milestones, such as the published learning rates in two dimensions.

Daniel & Tamar 2021, "Soft-IntroVAE", use it in `soft_intro_vae_2d`, <https://arxiv.org/abs/2012.13253>.
"""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from genkit.api import Doc, PositiveFloat


@dataclass(frozen=True)
class MultistepSchedule:
    """`value`, multiplied by `factor` once for each milestone that has passed.

    Milestones are fractions of the run, not step numbers, so a shortened run keeps its shape. Raises `ValueError`
    unless they increase.
    """

    value: Annotated[float, Doc("Value before the first milestone.")]
    milestones: Annotated[
        tuple[Annotated[float, Interval(gt=0, lt=1)], ...],
        Doc("Values of the progress t, between 0 and 1 and increasing, at which the value changes."),
    ]
    factor: Annotated[PositiveFloat, Doc("Factor that each milestone multiplies the value by.")] = 0.1

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(set(self.milestones)):
            raise ValueError(f"milestones = {list(self.milestones)} must increase, without repeats")

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        return self.value * self.factor ** sum(t >= milestone for milestone in self.milestones)
