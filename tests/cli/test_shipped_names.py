"""Names of shipped recipes, wherever a command takes a recipe."""

import json
from pathlib import Path

import pytest
from support.commands import genkit, refused, write_recipe
from support.messages import assert_names

from genkit.recipe.text.shipped import recipes_folder
from genkit.storage.names import RESOLVED

NAME = "vae_conditional_digits"


@pytest.fixture(autouse=True)
def _isolated(isolated):
    """Run each test in an empty folder."""


def test_a_name_is_the_file_that_the_plan_prints():
    file = recipes_folder() / f"{NAME}.toml"
    by_name, by_path = genkit("plan", NAME), genkit("plan", file)
    assert by_name == by_path
    assert by_name.code == 0
    assert any(line.split() == ["recipe", str(file)] for line in by_name.out.splitlines())


@pytest.mark.parametrize("command", ["data check", "data show"])
def test_commands_of_data_take_a_name(command):
    result = genkit(*command.split(), NAME)
    assert result.code == 0, result.err


def test_a_search_takes_names_of_a_recipe_and_of_a_space():
    result = genkit("tune", "vae_8gaussians", "--space", "beta_neg_digits", "--dry")
    assert result.code == 2
    assert "beta_neg" in result.err and "not found" not in result.err  # the two were read, and do not fit


def test_a_file_or_a_folder_of_that_name_goes_first():
    own = write_recipe(Path()).rename(NAME)
    result = genkit("plan", NAME, "--json")
    assert json.loads(result.out)["title"] == json.loads(genkit("plan", own, "--json").out)["title"] == "tiny"
    assert f"{recipes_folder()}" not in genkit("plan", NAME).out
    own.unlink()
    Path(NAME).mkdir()
    assert_names(refused("plan", NAME), NAME, "folder")


@pytest.mark.parametrize("given", [f"{NAME}.toml", f"elsewhere/{NAME}", "no_such_recipe", "table1", "n" * 255])
def test_any_other_path_is_a_file(given):
    assert_names(refused("plan", given), given, "not found")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("run", "vae_conditional_digit"), NAME),
        (("data", "check", "vae_conditional_digit"), NAME),
        (("table", "show", "tabel1"), "table1"),
        (("tune", "soft_introvae_digits", "--space", "beta_neg_digit"), "beta_neg_digits"),
        (("sample", "0001-tny-s0"), "runs/0001-tiny-s0"),
        (("resume", "runs/0001-tny-s0"), "0001-tiny-s0"),
    ],
)
def test_a_name_that_is_unknown_names_the_one_that_was_meant(words, meant):
    run = Path("runs/0001-tiny-s0")
    run.mkdir(parents=True)
    write_recipe(run).rename(run / RESOLVED)
    assert_names(refused(*words), f"Did you mean {meant}?")
