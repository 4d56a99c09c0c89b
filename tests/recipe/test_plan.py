"""The plan of a recipe."""

from dataclasses import replace

import pytest
from support.faulty_parts import GOOD
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_plan, tiny_recipe

from genkit.api import Autoencoder
from genkit.errors import UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import EMA, Recipe, Train, Use


def test_a_recipe_from_toml_equals_the_same_from_python(tmp_path):
    (tmp_path / "r.toml").write_text(GOOD)
    assert make_plan(tmp_path / "r.toml", registry=registry_with()).recipe == tiny_recipe()


def test_a_recipe_in_python_takes_overrides_which_may_remove_a_key():
    overrides = ("train.steps=", "train.epochs=2", "data.use=numbered")
    assert make_plan(tiny_recipe(), overrides=overrides, registry=registry_with()).steps == 2 * (40 // 8)
    assert make_plan(tiny_recipe(), overrides="train.steps=7", registry=registry_with()).steps == 7
    assert make_plan(tiny_recipe().document().tables, registry=registry_with()).recipe == tiny_recipe()


def test_a_run_folder_is_not_read_as_a_recipe(tmp_path):
    (tmp_path / "recipe.resolved.toml").write_text("")
    with pytest.raises(UsageError) as refused:
        make_plan(tmp_path, registry=registry_with())
    assert_names(refused.value, f"{tmp_path}: ", f"genkit resume {tmp_path}", f"genkit run {tmp_path}/recipe.toml")


def test_a_table_of_results_is_not_read_as_a_recipe(tmp_path):
    (tmp_path / "t.toml").write_text('metrics = ["modes"]\n[rows.a]\n')
    with pytest.raises(UsageError) as refused:
        make_plan(tmp_path / "t.toml", registry=registry_with())
    assert_names(refused.value, f"{tmp_path}/t.toml: ", f"`genkit table {tmp_path}/t.toml`")
    assert "\n" not in str(refused.value)


def test_a_density_has_no_epochs():
    with pytest.raises(UsageError) as refused:
        _ = tiny_plan(train=Train(epochs=2, batch_size=8)).steps
    assert_names(refused.value, "[train] epochs", '"blob"', "steps")


def test_an_epoch_of_a_data_set_smaller_than_a_batch_is_refused():
    with pytest.raises(UsageError) as refused:
        _ = tiny_plan(data=Use("numbered"), train=Train(epochs=2, batch_size=41)).steps
    assert_names(refused.value, "batch_size: 41", "40 samples")


def test_a_plan_builds_its_model_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(tiny_plan().build_model(), Autoencoder)
    assert not list(tmp_path.iterdir())


def test_recipes_are_compared_by_value():
    assert tiny_recipe() == tiny_recipe()
    assert replace(tiny_recipe(), ema=EMA(0.5)) != tiny_recipe()
    assert isinstance(tiny_recipe(), Recipe)
