"""Every shipped recipe is complete: it plans, and takes two real steps."""

import itertools
from pathlib import Path

import pytest

from genkit.engine.loop import train
from genkit.engine.state import initial_state
from genkit.engine.world import World
from genkit.plan import make_plan
from genkit.registry import load_registry
from genkit.shipped import recipes_folder, shipped_recipes

RECIPES = sorted(recipes_folder().glob("*.toml"))


@pytest.fixture(scope="module")
def registry():
    return load_registry()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_plans_and_takes_steps_early_late_and_between(path: Path, registry):
    plan = make_plan(path, registry=registry)
    assert not plan.unmet
    assert not plan.rehearsal.remarks
    state, seen = initial_state(plan, World()), set()
    for start in (0, plan.steps // 6, plan.steps - 2):  # in the warm-up, soon after it, and at the end
        state.step = start
        for record in itertools.islice(train(plan, state, World()), 2):
            assert all(value.isfinite() for value in record.terms.values())
            seen |= {name.partition("/")[0] for name in record.terms}
    assert seen == {phase.name for phase in plan.phases if phase.stop != 0}


def test_every_method_has_a_recipe_on_8_gaussians():
    methods = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")
    assert {f"{method}_8gaussians" for method in methods} <= set(shipped_recipes())
    assert "as_introvae_digits" in shipped_recipes()
