"""Types of fields, checked when a recipe is read. Importing this does not import torch."""

from typing import Annotated

from annotated_types import Ge, Gt, Interval

Positive = Annotated[float, Gt(0)]
NonNegative = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Gt(0)]  # 1, 2, 3, ...
Steps = Annotated[int, Ge(0)]  # 0, 1, 2, ...
