"""Recipes as objects: read, changed, and checked like the files they come from."""

import tomllib

import numpy as np
import pytest
import torch
from support.commands import TINY, write_recipe

import genkit
from genkit.errors import RecipeError, UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.shipped import shipped_recipes


@pytest.fixture
def recipe(tmp_path):
    return genkit.read_recipe(write_recipe(tmp_path))


def problems_of(source) -> list[tuple[tuple[str, ...], str]]:
    with pytest.raises(RecipeError) as caught:
        genkit.make_plan(source, try_step=False)
    return [(problem.place.path, problem.text) for problem in caught.value.problems]


def test_a_change_is_that_of_the_option(recipe, tmp_path):
    changes = ("train.steps=500", "model.width=8", "metrics.modes=", "ema.decay=0.5")
    expected = document_of(tmp_path / "tiny.toml", changes).tables
    assert recipe.set(*changes).tables == expected
    values = {"train.steps": np.int64(500), "model.width": torch.tensor(8), "metrics.modes": None, "ema.decay": 0.5}
    assert recipe.set(values).tables == expected
    assert recipe.tables == tomllib.loads(TINY)  # and the recipe itself is as it was


def test_whole_tables_are_set_by_name(recipe):
    changed = recipe.set(seed=4, data=genkit.Use("rings"), train=genkit.Train(batch_size=4, steps=2))
    assert changed["data"] == {"use": "rings"} and changed["seed"] == 4
    assert changed["train.steps"] == 2 and changed["train.batch_size"] == 4 and "epochs" not in changed["train"]


def test_a_shipped_recipe_has_a_name_and_a_file_goes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = "as_introvae_digits"
    assert genkit.read_recipe(name).tables["title"] == shipped_recipes()[name]
    (tmp_path / name).write_text(TINY)
    assert genkit.read_recipe(name)["title"] == "tiny"


def test_a_recipe_that_is_written_is_the_same(recipe, tmp_path):
    changed = recipe.set("train.steps=7", seed=2)
    assert read(changed.write(tmp_path / "new" / "x.toml")).tables == changed.tables == tomllib.loads(str(changed))
    assert genkit.read_recipe(tmp_path / "new" / "x.toml") == changed != recipe


def test_another_file_is_not_overwritten_without_a_word(recipe, tmp_path):
    file = recipe.write(tmp_path / "x.toml")
    recipe.write(file)  # the same text
    before = file.read_bytes()
    with pytest.raises(UsageError, match="overwrite=True"):
        recipe.set(seed=2).write(file)
    assert file.read_bytes() == before
    recipe.set(seed=2).write(file, overwrite=True)
    assert read(file).tables["seed"] == 2
    with pytest.raises(UsageError):
        recipe.write(tmp_path, overwrite=True)


def test_values_of_arrays_in_tables_are_numbers():
    tables = tomllib.loads(TINY)
    wrapped = {**tables, "seed": np.int64(3), "train": {**tables["train"], "steps": torch.tensor(5)}, "ema": None}
    expected = {**tables, "seed": 3}
    found = genkit.read_recipe(wrapped)
    assert found.tables == tomllib.loads(str(found)) == expected and type(found["seed"]) is int
    with pytest.raises(UsageError, match=r"^recipe model\.width: "):
        genkit.read_recipe({**tables, "model": {"width": object()}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("train.steps", -1),
        ("train.stesp", 5),
        ("model.width", "wide"),
        ("loss.use", "vea"),
        ("train", 5),
        ("data", None),
    ],
)
def test_nonsense_is_the_mistake_of_a_file(recipe, tmp_path, key, value):
    """The keys and the texts of the problems are those of a file with the same tables."""
    edited = recipe.set({key: value})
    assert problems_of(edited) == problems_of(edited.write(tmp_path / "edited.toml"))
    assert any(path[: len(key.split("."))] == tuple(key.split(".")) for path, _ in problems_of(edited))


def test_the_place_of_a_key_is_the_file_or_the_call(recipe, tmp_path):
    with pytest.raises(RecipeError) as caught:
        genkit.plan(recipe.set("train.steps=-1", "train.batchsize=4"))
    places = {problem.place.path[-1]: problem.place for problem in caught.value.problems}
    assert places["steps"].file == places["batchsize"].file == "set()"
    (tmp_path / "tiny.toml").write_text(TINY.replace("steps = 5", "steps = -5"))
    with pytest.raises(RecipeError) as caught:
        genkit.plan(genkit.read_recipe(tmp_path / "tiny.toml").set(seed=1))
    (problem,) = caught.value.problems
    assert problem.place.line == TINY.splitlines().index("steps = 5") + 1


@pytest.mark.parametrize("change", ["train.steps", "=5", 5, {"train.steps": object()}, {"train.steps.x": 1}, {"": 1}])
def test_a_change_that_cannot_be_read_is_refused(recipe, change):
    with pytest.raises(UsageError, match=r"set\(\)"):
        recipe.set(change)


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ({"train.stesp": None}, "mean steps"),
        ({"trian.steps": None}, "mean train"),
        ({"train.steps.x": None}, ""),
        ({"nothing.here": None}, "data, loss"),
    ],
)
def test_a_key_that_is_missing_cannot_be_removed(recipe, change, meant):
    (key,) = change
    with pytest.raises(UsageError, match=rf"^set\(\) {key}: .*{meant}"):
        recipe.set(change)
    with pytest.raises(UsageError, match=r"^set\(\) ema: "):
        recipe.set(ema=None)
    assert "metrics" not in recipe.set(metrics=None).tables


@pytest.mark.parametrize("source", [5, None, "nowhere.toml", b"x"])
def test_what_is_no_recipe_is_refused(source):
    with pytest.raises(UsageError):
        genkit.read_recipe(source)


def test_a_missing_key_names_the_one_that_was_meant(recipe):
    with pytest.raises(KeyError, match="train.steps"):
        recipe["train.step"]


def test_the_representations_are_short_and_escaped(recipe):
    changed = recipe.set({"title": "<b>bold</b>"})
    assert "tiny.toml" in repr(changed) and "title" in repr(changed) and "\n" not in repr(changed)
    assert "<b>" not in changed._repr_html_() and "&lt;b&gt;" in changed._repr_html_()
