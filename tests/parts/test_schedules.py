"""Schedules: their ends, their direction, and values that they refuse."""

from __future__ import annotations

import math

import pytest

from genkit.api import Schedule
from genkit.core.constant_schedule import ConstantSchedule
from genkit.parts.schedules.cosine import CosineSchedule
from genkit.parts.schedules.linear import LinearSchedule
from genkit.parts.schedules.multistep import MultistepSchedule

GRID = [number / 100 for number in range(101)]


def values(schedule: Schedule) -> list[float]:
    return [schedule(t) for t in GRID]


@pytest.mark.parametrize(
    "schedule", [ConstantSchedule(2.0), LinearSchedule(), CosineSchedule(), MultistepSchedule(1.0, (0.5,))]
)
def test_every_schedule_satisfies_the_protocol_and_is_pure(schedule: Schedule) -> None:
    assert isinstance(schedule, Schedule)
    assert values(schedule) == values(schedule)


def test_a_constant_never_changes() -> None:
    assert set(values(ConstantSchedule(0.3))) == {0.3}


@pytest.mark.parametrize("schedule", [LinearSchedule(3.0, -1.0), CosineSchedule(3.0, -1.0)])
def test_linear_and_cosine_fall_monotonically_from_start_to_stop(schedule: Schedule) -> None:
    assert schedule(0.0) == pytest.approx(3.0)
    assert schedule(0.5) == pytest.approx(1.0)
    assert schedule(1.0) == pytest.approx(-1.0)
    assert values(schedule) == sorted(values(schedule), reverse=True)


@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule(0.0, 1.0)])
def test_linear_and_cosine_rise_monotonically(schedule: Schedule) -> None:
    assert values(schedule) == sorted(values(schedule))
    assert (schedule(0.0), schedule(1.0)) == pytest.approx((0.0, 1.0))


def test_linear_has_a_constant_slope_between_begin_and_end() -> None:
    line = LinearSchedule(1.0, 5.0, begin=0.2, end=0.6)
    assert line(0.3) == pytest.approx(2.0)
    assert line(0.5) == pytest.approx(4.0)


def test_linear_is_constant_before_begin_and_after_end() -> None:
    line = LinearSchedule(1.0, 5.0, begin=0.2, end=0.6)
    assert {line(t) for t in GRID if t <= 0.2} == {1.0}
    assert {line(t) for t in GRID if t >= 0.6} == {5.0}


@pytest.mark.parametrize(("begin", "end"), [(0.5, 0.5), (0.7, 0.2)])
def test_linear_refuses_an_end_before_its_begin(begin: float, end: float) -> None:
    with pytest.raises(ValueError, match=f"begin = {begin} .*end = {end}"):
        LinearSchedule(begin=begin, end=end)


def test_cosine_is_half_a_period_and_flat_at_both_ends() -> None:
    cosine = CosineSchedule(1.0, 0.0)
    assert cosine(1 / 3) == pytest.approx(0.75)
    for end, inside in ((0.0, 1e-4), (1.0, 1 - 1e-4)):
        assert abs(cosine(end) - cosine(inside)) / 1e-4 < 1e-3
    assert (cosine(0.5 - 1e-6) - cosine(0.5 + 1e-6)) / 2e-6 == pytest.approx(math.pi / 2, rel=1e-4)


def test_multistep_multiplies_once_per_milestone_from_that_milestone_on() -> None:
    steps = MultistepSchedule(8.0, (0.25, 0.5), factor=0.5)
    assert [steps(t) for t in (0.0, 0.24, 0.25, 0.49, 0.5, 1.0)] == [8.0, 8.0, 4.0, 4.0, 2.0, 2.0]


def test_multistep_without_milestones_is_constant() -> None:
    assert set(values(MultistepSchedule(8.0, ()))) == {8.0}


@pytest.mark.parametrize("milestones", [(0.5, 0.25), (0.5, 0.5)])
def test_multistep_refuses_milestones_that_do_not_increase(milestones: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"milestones = \[0\.5, 0\.(25|5)\]"):
        MultistepSchedule(1.0, milestones)
