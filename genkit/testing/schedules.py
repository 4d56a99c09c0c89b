"""Laws of schedules."""

from __future__ import annotations

import copy
import math
from typing import Any

from genkit.core.types import Schedule
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.schedule_probe import PROBES
from genkit.testing.law import Law, hold

PROGRESS = tuple(number / (PROBES - 1) for number in range(PROBES))  # from the first step to the last
NO_DRAWS = "Remove the draw."


def assert_schedule_is_lawful(schedule: Schedule) -> None:
    """Assert what losses and optimisers assume of a schedule.

    - It returns a finite number, a float, for every progress t in [0, 1].
    - It is a pure function of t: calls in another order, or of a copy, return the same values; it draws nothing.
    """

    def number() -> None:
        fresh = copy.deepcopy(schedule)  # so that a state that it keeps does not hide from the next law
        for t in PROGRESS:
            value: Any = fresh(t)
            known = isinstance(value, (int, float)) and not isinstance(value, bool)
            assert known, f"at t = {t:g} it returned a {type(value).__name__}, expected a float"
            assert math.isfinite(value), f"at t = {t:g} the value is {value}"

    def pure() -> None:
        fresh, other = copy.deepcopy(schedule), copy.deepcopy(schedule)
        with refusing_global_draws(schedule, NO_DRAWS):
            forward, again = ([fresh(t) for t in PROGRESS] for _ in range(2))
            backward = [other(t) for t in reversed(PROGRESS)][::-1]
        for found, how in ((again, "once more"), (backward, "backwards through the run")):
            t = next((t for t, a, b in zip(PROGRESS, forward, found, strict=True) if a != b), None)
            assert t is None, f"called {how} it returns another value at t = {t:g}"

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
