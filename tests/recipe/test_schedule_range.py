"""Range of a schedule: its key declares bounds, and its values stay within them in the whole run."""

import math
from typing import Annotated

import pytest
from annotated_types import Gt, Interval
from support.commands import TINY

from genkit.api import Divergence, NonNegativeSchedule, Schedule
from genkit.core.constant_schedule import ConstantSchedule
from genkit.errors import RecipeError
from genkit.parts.schedules.cosine import CosineSchedule
from genkit.parts.schedules.linear import LinearSchedule
from genkit.parts.schedules.multistep import MultistepSchedule
from genkit.recipe.binding.schedule_range import beyond_range
from genkit.recipe.plan import make_plan

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    "schedule",
    [
        ConstantSchedule(-0.5),
        LinearSchedule(1.0, -1.0),
        LinearSchedule(-1.0, 1.0),
        CosineSchedule(0.0, -1e-6),
        MultistepSchedule(-1.0, (0.5,)),
        lambda t: -1.0 if t > 0.98 else 1.0,  # at the end only
        lambda t: math.nan,
        lambda t: math.inf,
    ],
)
def test_a_schedule_that_leaves_its_bounds_in_the_run_is_refused(schedule):
    assert "expected a number >= 0" in beyond_range(schedule, NonNegativeSchedule)
    assert beyond_range(schedule, NonNegativeSchedule | None) and not beyond_range(schedule, Schedule)


@pytest.mark.parametrize("schedule", [ConstantSchedule(0.0), CosineSchedule(1.0, 0.0), LinearSchedule(0.0, 300.0)])
def test_a_schedule_may_reach_its_bounds(schedule):
    assert not beyond_range(schedule, NonNegativeSchedule)


def test_other_bounds():
    assert not beyond_range(LinearSchedule(), Annotated[Schedule, Interval(ge=0, le=1)])
    assert "is 1.02 at t = 0.51" in beyond_range(LinearSchedule(0, 2), Annotated[Schedule, Interval(ge=0, le=1)])
    assert "a positive number" in beyond_range(ConstantSchedule(0), Annotated[Schedule, Gt(0)])


def test_bounds_are_those_of_schedules_that_can_be_called():
    def fails(t):
        raise RuntimeError("no such number")

    assert not beyond_range(fails, NonNegativeSchedule)  # the dry run reports it
    assert not beyond_range(ConstantSchedule(-1), Annotated[Divergence, Gt(0)])


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ("loss.beta_kl=-3", "loss.beta_kl"),
        ('loss.beta_rec={use="linear",start=1,stop=-1}', "loss.beta_rec"),
        ('optimiser.encoder.lr={use="cosine",start=1e-3,stop=-1e-9}', "optimiser.encoder.lr"),
    ],
)
def test_the_place_is_the_key(change, path, tmp_path):
    (tmp_path / "r.toml").write_text(TINY)
    with pytest.raises(RecipeError) as refused:
        make_plan(tmp_path / "r.toml", overrides=[change])
    (problem,) = refused.value.problems
    assert ".".join(problem.place.path) == path and problem.place.file == "--set"
