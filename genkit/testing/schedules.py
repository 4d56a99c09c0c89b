"""Laws of schedules."""

from __future__ import annotations

import copy
import math
from typing import Any

from genkit.core.types import Schedule
from genkit.recipe.draw_finder import refusing_global_draws
from genkit.recipe.schedule_probe import PROBES
from genkit.testing.law import Law, hold

PROGRESS = tuple(number / (PROBES - 1) for number in range(PROBES))  # from the first step to the last
NO_DRAWS = "Compute from t and the fields only."


def assert_schedule_is_lawful(schedule: Schedule) -> None:
    """Assert what losses and optimisers assume of a schedule.

    - It returns a finite number, a float, for every progress t in [0, 1].
    - It is a pure function of t: calls in another order, or of a copy, return the same values; it draws nothing.
    """

    def number() -> None:
        for t in PROGRESS:
            value: Any = schedule(t)
            known = isinstance(value, (int, float)) and not isinstance(value, bool)
            assert known, f"at t = {t:g} it returned a {type(value).__name__}, expected a float"
            assert math.isfinite(value), f"at t = {t:g} the value is {value}"

    def pure() -> None:
        with refusing_global_draws(schedule, NO_DRAWS):
            forward = [schedule(t) for t in PROGRESS]
            backward = [schedule(t) for t in reversed(PROGRESS)][::-1]
        copied = copy.deepcopy(schedule)
        alone = [copied(t) for t in PROGRESS]
        for found, how in ((backward, "backwards through the run"), (alone, "of a copy")):
            t = next((t for t, a, b in zip(PROGRESS, forward, found, strict=True) if a != b), None)
            assert t is None, f"calls {how} return another value at t = {t:g}"

    hold(
        schedule,
        (
            Law(
                "a finite number on [0, 1]",
                number,
                "Return a Python float for every t from 0 to 1, both included; convert a tensor with float()",
                basic=True,
            ),
            Law(
                "a pure function of t",
                pure,
                "Keep no state and draw nothing: a resumed run calls it from the middle on",
            ),
        ),
    )
