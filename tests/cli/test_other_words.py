"""What people write who know other programs: other commands, and keys of a recipe without --set."""

from pathlib import Path

import pytest
import typer
from support.commands import genkit, refused, write_recipe

from genkit.cli import app
from genkit.cli.arguments.other_words import OTHER_WORDS, command_meant

pytestmark = pytest.mark.fast


def test_each_other_word_is_no_command_and_means_one():
    commands = typer.main.get_command(app).commands
    for word, meant in OTHER_WORDS.items():
        assert word not in commands
        assert genkit(*meant.split(), *([] if meant.startswith("-") else ["--help"])).code == 0, word


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("train", "genkit run?"),
        ("trian", "genkit run?"),
        ("evl", "mean eval?"),
        ("help", "genkit --help?"),
        ("zzzz", "Known:"),
    ],
)
def test_a_command_that_is_close_comes_before_another_word(word, meant):
    assert meant in refused(word)


def test_a_group_within_has_its_own_words_only():
    assert "Known: check" in refused("data", "train")


def test_words_that_mean_the_same_are_one(monkeypatch):
    assert command_meant("shop", ["stop"]) == " Did you mean stop?"  # not show
    monkeypatch.setattr("genkit.cli.arguments.other_words.OTHER_WORDS", {"abcde": "run", "abcdf": "run"})
    assert command_meant("abcd", ["run"]) == " Did you mean genkit run?"
    monkeypatch.undo()
    assert command_meant("init", ["run"]) == " Did you mean genkit plugins new?"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["--steps", "5"], "--set train.steps=VALUE"),
        (["--batch-size=5"], "--set train.batch_size=VALUE"),
        (["--seed", "5"], "--set seed=VALUE"),
        (["--ema-decay", "5"], "--set ema.decay=VALUE"),
        (["train.steps=5"], "--set train.steps=5"),
        (["--set", "seed=1", "train.steps=5"], "--set train.steps=5"),
        (["--set=seed=1", "train.steps=5"], "--set train.steps=5"),
    ],
)
def test_a_key_of_the_recipe_needs_set(arguments, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    assert meant in refused("plan", "tiny.toml", *arguments)
    assert not Path("runs").exists()


@pytest.mark.parametrize("arguments", [["--set", "train.steps=5"], ["--json", "--set", "train.steps=5"]])
def test_a_key_with_set_is_accepted(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    assert genkit("plan", "tiny.toml", *arguments).code == 0


def test_a_file_of_such_a_name_is_a_file_and_other_options_are_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path).rename("a.b=5")
    assert genkit("plan", "a.b=5").code == 0
    assert "--threds" in refused("plan", "a.b=5", "--threds", "5")
    assert "key of the recipe" not in refused("ls", "--steps", "5")
    assert "x.y=5: not found" in refused("plan", "--", "x.y=5")


@pytest.mark.parametrize(("name", "text"), [("r.json", '{"title": "x"}'), ("r.yaml", "title: x\n")])
def test_a_recipe_in_another_language_is_a_file_that_should_be_toml(name, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    assert "genkit recipes" in refused("run", name)
    Path("r.toml").write_text(text)
    assert "genkit recipes" not in refused("run", "r.toml")
