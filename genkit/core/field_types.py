"""Types for the fields of parts: bounded numbers, and `Doc`, the description of a field.

    margin: Annotated[PositiveFloat, Doc("Mean KL of fakes, in nats, above which the encoder is not pushed.")] = 100.0

The bounds are checked when a recipe is read. `genkit plugins show` and the documentation print the descriptions.
Importing this module does not import torch.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from typing_extensions import Doc

from genkit.core.types import Schedule

__all__ = [
    "Doc",
    "NonNegativeFloat",
    "NonNegativeInt",
    "NonNegativeSchedule",
    "PositiveFloat",
    "PositiveInt",
    "UnitInterval",
    "UnitSchedule",
]

PositiveFloat = Annotated[float, Gt(0)]
"""A number above 0."""
NonNegativeFloat = Annotated[float, Ge(0)]
"""A number from 0 on."""
UnitInterval = Annotated[float, Interval(ge=0, le=1)]
"""A number from 0 to 1, both included."""
PositiveInt = Annotated[int, Gt(0)]
"""An integer from 1 on."""
NonNegativeInt = Annotated[int, Ge(0)]
"""An integer from 0 on."""
NonNegativeSchedule = Annotated[Schedule, Ge(0)]
"""A schedule whose values are from 0 on in the whole run; `Annotated[Schedule, ...]` declares other bounds."""
UnitSchedule = Annotated[Schedule, Interval(ge=0, le=1)]
"""A schedule whose values are from 0 to 1 in the whole run."""
