"""Types for the fields of parts: bounded numbers, and `Doc`, the description of a field.

    margin: Annotated[PositiveFloat, Doc("Mean KL of fakes, in nats, above which the encoder is not pushed.")] = 100.0

The bounds are checked when a recipe is read. `genkit plugins show` and the documentation print the descriptions.
Importing this module does not import torch.
"""

from typing import Annotated

from annotated_types import Ge, Gt, Interval
from typing_extensions import Doc

__all__ = ["Doc", "NonNegativeFloat", "NonNegativeInt", "PositiveFloat", "PositiveInt", "UnitInterval"]

PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
UnitInterval = Annotated[float, Interval(ge=0, le=1)]
PositiveInt = Annotated[int, Gt(0)]  # 1, 2, 3, ...
NonNegativeInt = Annotated[int, Ge(0)]  # 0, 1, 2, ...
