"""Checks of a recipe that need several parts: learning rates that a schedule's defaults decide."""

import pytest
from support.commands import TINY

from genkit.errors import RecipeError
from genkit.recipe.plan import make_plan

LR = "lr = 1e-3\n\n[optimiser.decoder]"


def with_rate(schedule: str) -> str:
    assert TINY.count(LR) == 1
    return TINY.replace(LR, f"lr = {schedule}\n\n[optimiser.decoder]")


@pytest.fixture
def plan_with_rate(tmp_path):
    def plan(schedule: str):
        (tmp_path / "r.toml").write_text(with_rate(schedule))
        return make_plan(tmp_path / "r.toml")

    return plan


@pytest.mark.parametrize(
    "schedule, remedy",
    [
        ('"cosine"', 'lr = { use = "cosine", start = 1e-3'),
        ('"linear"', 'lr = { use = "linear", start = 1e-3'),
        ('{ use = "cosine", stop = 1e-4 }', "Set start, "),
        ('{ use = "linear", start = 1e-3, end = 0.5 }', "Set stop, "),
    ],
)
def test_a_learning_rate_is_not_left_to_the_defaults_of_a_schedule(plan_with_rate, schedule, remedy):
    with pytest.raises(RecipeError) as refused:
        plan_with_rate(schedule)
    (problem,) = refused.value.problems
    assert problem.place.path == ("optimiser", "encoder", "lr") and problem.place.line is not None
    assert remedy in problem.text


@pytest.mark.parametrize(
    "schedule",
    [
        *("1e-3", "2.0", '{ use = "cosine", start = 1e-3 }', '{ use = "linear", start = 1e-3, stop = 0.0 }'),
        *('{ use = "cosine", start = 2.0, stop = 0.5 }', '{ use = "multistep", value = 3.0, milestones = [0.5] }'),
    ],
)
def test_a_learning_rate_that_the_recipe_writes_is_accepted(plan_with_rate, schedule):
    plan = plan_with_rate(schedule)
    assert make_plan(plan.resolved).resolved == plan.resolved
