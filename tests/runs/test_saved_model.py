"""The weights of a run are those of final/, or of its newest checkpoint while it has not finished."""

import json

import pytest
from safetensors.torch import load_file
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe

from genkit.errors import RecipeError, UsageError
from genkit.recipe.installed.owners import suppliers_in, suppliers_in_comments
from genkit.recipe.tables import Checkpoint
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.load import load
from genkit.runs.trained_models.saved_model import find_model
from genkit.runs.trained_models.trained import open_held_out, open_trained
from genkit.storage.weights import select

pytestmark = pytest.mark.trains


@pytest.fixture
def stopped(tmp_path, monkeypatch) -> RunFolder:
    """Return a run with EMA weights that was killed after step 6 of 12; its newest checkpoint is of step 4."""
    for module in ("genkit.runs.trained_models.build_parts", "genkit.recipe.plan"):
        monkeypatch.setattr(f"{module}.load_registry", registry_with)
    folder = new_run(tmp_path, tiny_recipe(checkpoint=Checkpoint(every=4)))
    train_and_kill(folder, 6)
    return folder


def change(folder: RunFolder, harm) -> None:
    path = folder.checkpoint(4) / "state.json"
    facts = json.loads(path.read_text())
    harm(facts)
    path.write_text(json.dumps(facts))


def test_an_unfinished_run_has_the_weights_of_its_newest_checkpoint(stopped):
    saved = load_file(stopped.checkpoint(4) / "state.safetensors")
    for which, prefix in (("raw", "model/"), ("ema", "ema/")):
        assert_same_bits(load(stopped, which).state_dict(), select(saved, prefix))
    trained = open_trained(stopped.path)
    assert_names(trained.title, "step 4", "ema")
    assert_names(trained.remark, stopped.path, "step 4")
    assert open_held_out(stopped.path).shape == trained.model.data_shape
    train_on(stopped)
    assert open_trained(stopped.path).remark == ""
    assert_same_bits(load(stopped).state_dict(), load_file(stopped.final / "model.safetensors"))


def test_a_checkpoint_of_an_earlier_version_can_be_loaded(stopped):
    expected = load(stopped).state_dict()
    change(stopped, lambda facts: [facts.pop(key) for key in ("data_shape", "recipe", "parts", "lines")])
    assert_same_bits(load(stopped).state_dict(), expected)
    train_on(stopped)
    assert stopped.finished


def test_the_recipe_is_that_of_the_weights_but_data_may_have_moved(stopped):
    text = stopped.resolved.read_text()
    stopped.resolved.write_text(text.replace("seed = 3", "seed = 7").replace("spread = 1.0", "spread = 2.0"))
    recipe = find_model(stopped.path).recipe.tables
    assert recipe["seed"] == 3 and recipe["data"]["spread"] == 2.0 and recipe["title"] == "tiny"


def test_weights_that_an_unfinished_run_does_not_have_are_refused(stopped):
    assert_names(refusal(lambda: load(stopped, "best")), "best", "raw", "ema")
    text = stopped.resolved.read_text()
    stopped.resolved.write_text(text.replace("[ema]\ndecay = 0.9\n", ""))
    change(stopped, lambda facts: facts["recipe"].pop("ema"))
    assert_names(refusal(lambda: load(stopped, "ema")), stopped.checkpoint(4), "[ema]")


@pytest.mark.parametrize("shape", ["x", [-1], ["x"], 3])
def test_a_damaged_shape_is_refused(stopped, shape):
    change(stopped, lambda facts: facts.update(data_shape=shape))
    assert_names(refusal(lambda: load(stopped)), stopped.checkpoint(4), "data_shape")


def test_a_model_whose_plugin_is_absent_names_the_distribution(stopped, monkeypatch):
    train_on(stopped)
    about = stopped.final / "about.json"
    parts = [line for line in json.loads(about.read_text())["parts"] if not line.startswith("model:")]
    parts.append("model: tiny (genkit-torch-tiny 1.2.3)")
    about.write_text(json.dumps({**json.loads(about.read_text()), "parts": parts}))
    monkeypatch.setattr("genkit.runs.trained_models.build_parts.load_registry", lambda: registry_without_models())
    error = refusal(lambda: load(stopped))
    assert isinstance(error, RecipeError)
    assert_names(error, "[model] use: ", '"tiny"', "genkit-torch-tiny 1.2.3", "genkit-torch-tiny==1.2.3")


def registry_without_models():
    registry = registry_with()
    registry.parts = {key: parts for key, parts in registry.parts.items() if key[0] != "models"}
    return registry


def test_suppliers_are_read_from_the_lines_that_a_plan_writes():
    lines = ["data: blob (tiny 1.0)", "optimiser.encoder: adam (genkit-torch 0.1.0)", "Decided by the data:", 3, "x: y"]
    suppliers = suppliers_in(lines)
    assert suppliers.keys() == {"data", "optimiser.encoder"}
    assert suppliers["optimiser.encoder"] == ("adam", "genkit-torch", "0.1.0")
    text = "# Every key, defaults included. Supplied by:\n# loss: vae (a-b 2)\n\n# model: x (c 3)\nseed = 1\n"
    assert suppliers_in_comments(text).keys() == {"loss"}
    assert suppliers_in_comments("seed = 1\n# loss: vae (a-b 2)\n") == {}


def refusal(call) -> UsageError:
    with pytest.raises(UsageError) as refused:
        call()
    return refused.value
