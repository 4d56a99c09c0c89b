"""Range of a schedule: whether its values stay within the bounds that its key declares, in the whole run.

A key declares them as a number does: ``beta: Annotated[Schedule, Ge(0), Doc("...")]``, or `NonNegativeSchedule`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.types import Schedule
from genkit.recipe.binding.expected import numbers_within
from genkit.recipe.binding.part_fields import bounds_of
from genkit.recipe.trial.schedule_probe import PROBES, values_over_the_run


def beyond_range(schedule: Schedule, hint: Any) -> str:
    """Return what is wrong with the values of a schedule at a key of this type, as a message; empty if nothing is.

    A schedule that fails when it is called has another mistake, which the dry run reports.
    """
    bounds = bounds_of(hint)
    if not bounds:
        return ""
    try:
        values = [float(value) for value in values_over_the_run(schedule)]
    except Exception:  # the code of a plugin
        return ""
    number = TypeAdapter(Annotated[float, *bounds])
    wrong = next((step for step, value in enumerate(values) if not _is_valid(number, value)), None)
    if wrong is None:
        return ""
    wanted = numbers_within(bounds)
    if isinstance(schedule, ConstantSchedule):
        return f"found {values[0]:g}, expected {wanted}."
    when = f"{values[wrong]:g} at t = {wrong / (PROBES - 1):g} of the run"
    return f"goes from {values[0]:g} to {values[-1]:g} and is {when}, expected {wanted} in the whole run."


def _is_valid(number: TypeAdapter[float], value: float) -> bool:
    try:
        number.validate_python(value)
    except ValidationError:
        return False
    return math.isfinite(value)
