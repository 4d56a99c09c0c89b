"""Every shipped recipe is complete: it plans, and takes two real steps."""

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
def test_a_shipped_recipe_plans_and_takes_two_steps(path: Path, registry):
    plan = make_plan(path, overrides=("train.steps=10",), registry=registry)
    assert not plan.unmet
    assert not plan.rehearsal.remarks
    state = initial_state(plan, World())
    state.step = 3  # WGAN-GP's generator is due in the second of two
    records = train(plan, state, World())
    for _ in range(2):
        assert all(value.isfinite() for value in next(records).terms.values())


def test_every_method_has_a_recipe_on_8_gaussians():
    methods = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")
    assert {f"{method}_8gaussians" for method in methods} <= set(shipped_recipes())
    assert "as_introvae_digits" in shipped_recipes()
