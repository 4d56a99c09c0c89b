"""Curves of schedules between the lines of a log: where they bend, as at the end of a ramp, and where they jump."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np

from genkit.core.types import Schedule
from genkit.recipe.plan import Plan
from genkit.recipe.trial.schedule_probe import schedule_keys
from genkit.runs.report.curves import LEARNING_RATE, curves_of

Lines = Sequence[Mapping[str, Any]]  # of metrics.jsonl

MOST_POINTS = 16  # between two lines of the log; a schedule that needs more is drawn as it was logged
PROBES = 8  # parts of a stretch, at whose ends a schedule is compared with a straight line before it is at each step
TOLERANCE = 1 / 400  # of the largest value of a stretch: half a pixel of a chart, also where a schedule is small


def schedules_of(plan: Plan, lines: Lines) -> dict[str, Schedule]:
    """Return the schedules of a plan by each key of the log that has their values: ``lr/encoder``, ``schedule/c``.

    A loss may log the value of its schedule as a term of its name, such as ``encoder/c``.
    """
    losses = {key: getattr(plan.loss, key) for key in schedule_keys(plan.loss)}
    rates = {f"{LEARNING_RATE}{child}": optimiser.lr for child, optimiser in plan.optimisers.items()}
    logged = {key: losses.get(key.partition("/")[2]) for key in curves_of(lines)} | rates
    return {key: schedule for key, schedule in logged.items() if schedule is not None}


def lines_of_curves(lines: Lines, plan: Plan | None, steps: int | None) -> Lines:
    """Return the lines of the log of a run of `steps` steps, with those where the schedules of its plan bend.

    Without a plan or a known length there are none of the latter.
    """
    if plan is None or not steps:
        return lines
    return with_bends(lines, schedules_of(plan, lines), steps, {phase.name: phase.start for phase in plan.phases})


def with_bends(
    lines: Lines,
    schedules: Mapping[str, Schedule],
    steps: int,
    starts: Mapping[str, int] = MappingProxyType({}),
) -> list[Mapping[str, Any]]:
    """Return the lines of a log of a run of `steps` steps, with lines where schedules bend or jump in between.

    `schedules` are those of `schedules_of`, and `starts` the first steps of phases, counted from 0: a loss calls a
    schedule with the progress of the run, or with that since the start of the phase whose term it is.

    The lines that are added have values of schedules only, such that straight lines between all values are the curve of
    the schedule. A schedule whose values are not those of the log gets none: the run had another length, or the loss
    calls it with another number.
    """
    curves = curves_of(lines)
    added: dict[int, dict[str, Any]] = {}
    for key, schedule in schedules.items():
        curve, start = curves.get(key, ()), starts.get(key.partition("/")[0], 0) / steps
        for value_at in (partial(_value_at, schedule, steps, begin) for begin in dict.fromkeys((0.0, start))):
            if _agree(curve, value_at):
                for step, value in _bends(curve, value_at):
                    added.setdefault(step, {"step": step})[key] = value
                break
    return sorted([*lines, *added.values()], key=lambda line: line["step"]) if added else list(lines)


def _value_at(schedule: Schedule, steps: int, start: float, step: int) -> float:
    """Return the value in a step, counted from 1, of a schedule that is called with the progress since `start`."""
    t = (step - 1) / steps  # as `log_during_training.line_of`
    return schedule(max(t - start, 0.0) / (1 - start) if start < 1 else 0.0)  # as `Batch.phase_t`


def _agree(curve: Sequence[tuple[int, float]], value_at: Callable[[int], float]) -> bool:
    """Return whether the logged values are those of a schedule; a term is logged as float32."""
    return all(math.isclose(value_at(step), value, rel_tol=1e-6) for step, value in curve)


def _bends(curve: Sequence[tuple[int, float]], value_at: Callable[[int], float]) -> Iterator[tuple[int, float]]:
    """Yield the steps between two points of a curve at which it leaves the straight line between them."""
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
