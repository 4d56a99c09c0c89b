"""Jumps of schedules between two lines of a log, such as the milestone of a learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

from genkit.core.types import Schedule
from genkit.recipe.plan import Plan
from genkit.recipe.trial.schedule_probe import schedule_keys
from genkit.runs.report.curves import LEARNING_RATE, SCHEDULE, curves_of

MOST_JUMPS = 3  # between two lines of the log; a schedule that changes more often there is a ramp


def schedules_of(plan: Plan) -> dict[str, Schedule]:
    """Return the schedules of a plan by the key of the log that has their values, whether it has them or not."""
    losses = {f"{SCHEDULE}{key}": getattr(plan.loss, key) for key in schedule_keys(plan.loss)}
    rates = {f"{LEARNING_RATE}{child}": optimiser.lr for child, optimiser in plan.optimisers.items()}
    return {key: schedule for key, schedule in {**losses, **rates}.items() if schedule is not None}


def with_jumps(
    lines: Sequence[Mapping[str, Any]], schedules: Mapping[str, Schedule], steps: int
) -> list[Mapping[str, Any]]:
    """Return the lines of a log of a run of `steps` steps, with lines around the jumps of schedules in between.

    The lines that are added have a schedule only: its value before a jump, and after it. A schedule whose values are
    not those of the log gets none, since the run then had another length.
    """
    curves = curves_of(lines)
    added: dict[int, dict[str, Any]] = {}
    for key, schedule in schedules.items():
        for step, value in _around_jumps(curves.get(key, ()), partial(_value_at, schedule, steps)):
            added.setdefault(step, {"step": step})[key] = value
    return sorted([*lines, *added.values()], key=lambda line: line["step"]) if added else list(lines)


def _value_at(schedule: Schedule, steps: int, step: int) -> float:
    return schedule((step - 1) / steps)  # as `log_during_training.line_of`


def _around_jumps(curve: Sequence[tuple[int, float]], value_at: Callable[[int], float]) -> Iterator[tuple[int, float]]:
    """Yield the steps around each jump between two points of a curve, and the values there."""
    if not all(math.isclose(value_at(step), value, rel_tol=1e-9) for step, value in curve):
        return
    for (before, old), (after, new) in pairwise(curve):
        jumps = list(_jumps(before, after, value_at)) if old != new else []
        if 2 * len(jumps) > after - before or len(jumps) > MOST_JUMPS:
            continue
        around = {step: value for jump in jumps for step, value in jump if before < step < after}
        yield from around.items()


def _jumps(
    before: int, after: int, value_at: Callable[[int], float]
) -> Iterator[tuple[tuple[int, float], tuple[int, float]]]:
    """Yield the two points of each change from one step to the next, of at most one more change than are jumps."""
    found = 0
    for step in range(before + 1, after + 1):
        old, new = value_at(step - 1), value_at(step)
        if old != new:
            yield (step - 1, old), (step, new)
            found += 1
        if found > MOST_JUMPS:
            return
