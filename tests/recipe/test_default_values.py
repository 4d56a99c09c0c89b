"""What differs from the defaults: the recipe that is left resolves to the same recipe, and no key of it is spare."""

from pathlib import Path

import pytest

from genkit.errors import RecipeError
from genkit.recipe.default_values import unlike_defaults
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.plan import make_plan
from genkit.recipe.text.nested import leaves, nest

RECIPES = Path(__file__).parents[2] / "recipes"
NAMES = [
    *("as_introvae_8gaussians_fast", "soft_introvae_bootstrap_digits", "vae_conditional_digits"),
    *("vae_mixture_8gaussians", "vae_per_class_digits", "wgan_gp_mnist", "reversed_digits"),
]


def resolved(recipe):
    return make_plan(recipe, try_step=False).resolved


@pytest.mark.parametrize("name", NAMES)
def test_the_keys_that_are_left_make_the_same_recipe(name):
    whole = resolved(RECIPES / f"{name}.toml")
    own = unlike_defaults(whole, load_registry())
    assert resolved(own) == whole
    assert len(list(leaves(own))) < len(list(leaves(whole)))


def test_no_key_that_is_left_has_its_default():
    whole = resolved(RECIPES / f"{NAMES[0]}.toml")
    keys = list(leaves(unlike_defaults(whole, load_registry())))
    for path in (path for path, _ in keys if path[-1] != "use"):
        try:
            plan = make_plan(nest(each for each in keys if each[0] != path), try_step=False)
        except RecipeError:
            continue  # a key without a default
        assert plan.resolved != whole or path in {key.path for key in plan.keys if key.dependent}, path


def test_a_part_that_is_not_installed_keeps_its_keys():
    recipe = {"title": "x", "model": {"use": "absent", "width": 3}, "train": {"steps": 3, "precision": "fp32"}}
    left = {**recipe, "train": {"steps": 3}}
    assert unlike_defaults(recipe, load_registry()) == left
