"""Curves of schedules between the lines of a log: where they bend, as at the end of a ramp, and where they jump."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from genkit.core.types import Schedule
from genkit.recipe.plan import Plan
from genkit.recipe.trial.schedule_probe import schedule_keys
from genkit.runs.on_disk.run_progress import length_of
from genkit.runs.report.curves import LEARNING_RATE, SCHEDULE, curves_of

Lines = Sequence[Mapping[str, Any]]  # of metrics.jsonl

MOST_POINTS = 16  # between two lines of the log; a schedule that needs more is drawn as it was logged
PROBES = 8  # parts of a stretch, at whose ends a schedule is compared with a straight line before it is at each step
TOLERANCE = 1 / 400  # of the largest value of a stretch: half a pixel of a chart, also where a schedule is small


def schedules_of(plan: Plan) -> dict[str, Schedule]:
    """Return the schedules of a plan by the key of the log that has their values, whether it has them or not."""
    losses = {f"{SCHEDULE}{key}": getattr(plan.loss, key) for key in schedule_keys(plan.loss)}
    rates = {f"{LEARNING_RATE}{child}": optimiser.lr for child, optimiser in plan.optimisers.items()}
    return {key: schedule for key, schedule in {**losses, **rates}.items() if schedule is not None}


def lines_of_curves(lines: Lines, plan: Plan | None, recipe: Mapping[str, Any]) -> Lines:
    """Return the lines of the log of a run with this resolved recipe, with those where schedules of the plan bend."""
    length = length_of(recipe, lines[-1]) if lines else None
    return with_bends(lines, schedules_of(plan), length) if plan and length else lines


def with_bends(lines: Lines, schedules: Mapping[str, Schedule], steps: int) -> list[Mapping[str, Any]]:
    """Return the lines of a log of a run of `steps` steps, with lines where schedules bend or jump in between.

    The lines that are added have values of schedules only, such that straight lines between all values are the curve of
    the schedule. A schedule whose values are not those of the log gets none, since the run then had another length.
    """
    curves = curves_of(lines)
    added: dict[int, dict[str, Any]] = {}
    for key, schedule in schedules.items():
        for step, value in _bends(curves.get(key, ()), partial(_value_at, schedule, steps)):
            added.setdefault(step, {"step": step})[key] = value
    return sorted([*lines, *added.values()], key=lambda line: line["step"]) if added else list(lines)


def _value_at(schedule: Schedule, steps: int, step: int) -> float:
    return schedule((step - 1) / steps)  # as `log_during_training.line_of`


def _bends(curve: Sequence[tuple[int, float]], value_at: Callable[[int], float]) -> Iterator[tuple[int, float]]:
    """Yield the steps between two points of a curve at which it leaves the straight line between them."""
    if not all(math.isclose(value_at(step), value, rel_tol=1e-9) for step, value in curve):
        return
    for (before, old), (after, new) in pairwise(curve):
        probes = sorted({before + (after - before) * part // PROBES for part in range(PROBES + 1)})
        if _is_straight(probes, [value_at(step) for step in probes], [before, after], TOLERANCE / 2):
            continue
        steps = range(before, after + 1)
        yield from _corners(steps, [old, *map(value_at, steps[1:-1]), new])


def _corners(steps: Sequence[int], values: Sequence[float]) -> list[tuple[int, float]]:
    """Return the inner points that straight lines need to follow the values; none if they need too many.

    The point farthest from the lines so far is added until none is far: a jump needs the two points around it.
    """
    kept = [steps[0], steps[-1]]
    while not _is_straight(steps, values, kept, TOLERANCE):
        if len(kept) == MOST_POINTS + 2:
            return []
        farthest = steps[int(_distances(steps, values, kept).argmax())]
        kept = sorted([*kept, farthest])
    return [(step, values[step - steps[0]]) for step in kept[1:-1]]


def _is_straight(steps: Sequence[int], values: Sequence[float], kept: Sequence[int], tolerance: float) -> bool:
    largest = max(map(abs, values))
    return bool((_distances(steps, values, kept) <= tolerance * largest).all())


def _distances(steps: Sequence[int], values: Sequence[float], kept: Sequence[int]) -> np.ndarray:
    """Return how far each value is from the straight lines between the values of the steps that are kept."""
    of_step = dict(zip(steps, values, strict=True))
    return np.abs(np.asarray(values) - np.interp(steps, kept, [of_step[step] for step in kept]))
