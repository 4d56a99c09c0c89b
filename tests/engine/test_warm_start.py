"""Warm start: a new run begins with the weights of another one, and a resumed run does not read them."""

import copy

import pytest
import torch
from support.messages import assert_names
from support.tiny_recipes import assert_same_bits, tiny_plan

from genkit.engine.distributed import World
from genkit.engine.state import initial_state
from genkit.errors import UsageError
from genkit.recipe.tables import Train
from genkit.storage.weights import ABOUT, EMA, write_model_folder

pytestmark = pytest.mark.trains


@pytest.fixture
def folder(tmp_path):
    """Return a model folder whose raw weights are all 1 and whose EMA weights are all 2."""
    raw = tiny_plan().build_model()
    average = copy.deepcopy(raw)
    for model, value in ((raw, 1.0), (average, 2.0)):
        for tensor in model.state_dict().values():
            tensor.fill_(value)
    write_model_folder(tmp_path / "model", raw, average, {})
    return tmp_path / "model"


def started(folder, **keys):
    return tiny_plan(train=Train(steps=2, batch_size=8, warm_start=folder, **keys))


@pytest.mark.parametrize(("keys", "value"), [({}, 1.0), ({"warm_start_weights": "ema"}, 2.0)])
def test_a_new_run_has_the_weights_that_the_recipe_names_and_so_has_its_average(folder, keys, value):
    state = initial_state(started(folder, **keys), World())
    for model in (state.model, state.average.model):
        assert all((tensor == value).all() for tensor in model.state_dict().values())


def test_a_resumed_run_has_its_own_weights(folder):
    plain = initial_state(tiny_plan(), World())
    resumed = initial_state(started(folder / "deleted"), World(), resuming=True)
    assert_same_bits(resumed.model.state_dict(), plain.model.state_dict())


def test_weights_of_another_network_are_refused(folder, tmp_path):
    write_model_folder(tmp_path / "other", torch.nn.Linear(2, 2), None, {})
    with pytest.raises(UsageError) as refused:
        initial_state(started(tmp_path / "other"), World())
    assert_names(refused.value, tmp_path / "other", "another network")


def test_ema_weights_that_a_folder_lacks_are_unmet_and_the_remedy_is_a_key(tmp_path):
    write_model_folder(tmp_path / "model", tiny_plan().build_model(), None, {})
    plan = started(tmp_path / "model", warm_start_weights="ema")
    with pytest.raises(UsageError) as unmet:
        plan.check_met()
    assert_names(unmet.value, "[train] warm_start_weights", tmp_path / "model", "train.warm_start_weights to raw")
    plan.check_met(resuming=True)
    started(tmp_path / "model").check_met()
    with pytest.raises(UsageError) as refused:  # the folder may change after the check
        initial_state(plan, World())
    assert_names(refused.value, tmp_path / "model", "train.warm_start_weights to raw")
    assert "--weights" not in str(unmet.value) + str(refused.value)


@pytest.mark.parametrize("damage", ["facts", "weights"])
def test_a_damaged_folder_is_not_said_to_lack_ema_weights(folder, damage):
    if damage == "facts":
        (folder / ABOUT).write_text("[")
    else:
        (folder / EMA).unlink()
    plan = started(folder, warm_start_weights="ema")
    plan.check_met()
    with pytest.raises(UsageError) as refused:
        initial_state(plan, World())
    assert_names(refused.value, folder / EMA, "Delete")


def test_the_state_gives_both_weights_and_the_average_is_not_trained():
    state = initial_state(tiny_plan(), World())
    assert state.weights("raw") is state.model and state.weights("ema") is state.average.model
    assert state.model.training and not state.average.model.training
    assert not any(parameter.requires_grad for parameter in state.average.model.parameters())
    without = initial_state(tiny_plan(ema=None), World())
    assert without.average is None and without.weights("ema") is without.model
