"""Warm starts from an exported folder: the weights of the folder, and refusals that help."""

import tomllib

import pytest
from support.commands import TINY
from support.messages import assert_names
from support.models import LOGITS, write_model
from support.tiny_recipes import assert_same_bits

import genkit
from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.errors import RecipeError, UsageError
from genkit.recipe.plan import make_plan

EMA = "train.warm_start_weights=ema"


def plan_of(place, *overrides, recipe=TINY):
    return make_plan(tomllib.loads(recipe), overrides=[f"train.warm_start={place}", *overrides], try_step=False)


def unmet(plan):
    with pytest.raises(UsageError) as error:
        plan.check_met()
    return error.value


@pytest.mark.parametrize("weights", ["raw", "ema"])
def test_a_run_begins_with_the_weights_of_the_folder(weights, tmp_path):
    write_model(tmp_path / "model", ema=True)
    folder = genkit.export(tmp_path / "model", tmp_path / "shared", weights)
    plan = plan_of(folder, f"train.warm_start_weights={weights}")
    plan.check_met()
    state = initial_state(plan, World())
    assert_same_bits(state.model.state_dict(), genkit.load(folder).module.state_dict())


def test_weights_that_the_folder_lacks_are_unmet(folder):
    assert_names(unmet(plan_of(folder)), "[train] warm_start_weights", folder, "ema")
    with pytest.raises(UsageError, match="warm_start_weights"):
        initial_state(plan_of(folder), World())


def test_a_folder_that_has_changed_is_refused(folder):
    plan = plan_of(folder, EMA)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UsageError) as error:
        initial_state(plan, World())
    assert_names(error.value, folder / "model.safetensors", "SHA-256")
    (folder / "config.json").write_text("{")
    assert_names(unmet(plan_of(folder, EMA)), "[train] warm_start", folder / "config.json")


def test_a_decoder_that_returns_something_else_is_a_mistake_of_the_recipe(tmp_path):
    write_model(tmp_path / "model", LOGITS)
    folder = genkit.export(tmp_path / "model", tmp_path / "shared")
    with pytest.raises(RecipeError) as error:
        plan_of(folder, recipe=LOGITS.replace('error = "bce"\n', ""))
    assert_names(error.value, "[train] warm_start", folder, "logits")


def test_a_model_of_the_hub_is_downloaded_by_the_user(hub, tmp_path):
    assert_names(unmet(plan_of("ada/points")), "[train] warm_start", "hf download ada/points")
    (tmp_path / "ada").mkdir()
    assert "hf download" not in str(unmet(plan_of("ada/points"))) and not hub.requests
