"""Paths that a user gives to a command or from Python: a home folder, odd bytes, and paths that no file can have."""

import inspect
from pathlib import Path
from typing import get_type_hints

import pytest
import typer
from support.commands import IMAGES, genkit, refused, write_recipe
from support.messages import assert_names
from support.pictures import write_folder

import genkit as genkit_package
from genkit.cli import app
from genkit.cli.arguments.html_option import page_destination
from genkit.cli.arguments.options import recipe_path
from genkit.cli.places.destination import Destination, destination
from genkit.cli.places.writable import folder_to_write
from genkit.errors import UsageError
from genkit.storage.user_path import user_path

PARSERS = {Destination: destination, Path: user_path}
OTHER_PARSERS = {"recipe": recipe_path, "html": page_destination}  # a shipped name, a value that may be left out
LONG = "a" * 5_000


@pytest.fixture(autouse=True)
def home(isolated, monkeypatch):
    """Let ~ be a folder with a recipe, and the working folder an empty one beside it."""
    monkeypatch.setenv("HOME", str(isolated / "home"))
    (isolated / "home").mkdir()
    (isolated / "work").mkdir()
    monkeypatch.chdir(isolated / "work")
    write_recipe(isolated / "home")
    return isolated / "home"


def callbacks_of(application):
    yield from (command.callback for command in application.registered_commands)
    for group in application.registered_groups:
        yield from callbacks_of(group.typer_instance)


def test_every_path_of_every_command_is_a_user_path():
    checked = 0
    for callback in callbacks_of(app):
        module = inspect.getmodule(callback)
        for name, hint in get_type_hints(callback, vars(module), include_extras=True).items():
            kind = next((kind for kind in PARSERS if kind.__name__ in str(hint).partition("typer")[0]), None)
            if kind is not None and name != "return":
                found = [extra for extra in hint.__metadata__ if isinstance(extra, typer.models.ParameterInfo)]
                parser = OTHER_PARSERS.get(name, PARSERS[kind])
                assert len(found) == 1, (callback, name)
                writing = folder_to_write(f"--{name}")
                assert found[0].parser in (parser, writing), (callback, name)
                checked += 1
    assert checked > 20


def test_a_home_folder_is_expanded_wherever_a_path_is_given(home):
    assert genkit("plan", "~/tiny.toml").code == 0
    assert genkit_package.make_plan("~/tiny.toml").recipe.title == "tiny"
    plan = genkit_package.make_plan("~/tiny.toml", overrides=["train.warm_start=~/run"])
    assert plan.recipe.train.warm_start == home / "run"
    assert plan.resolved["train"]["warm_start"] == "~/run"
    with pytest.raises(UsageError) as missing:
        genkit_package.load("~/run")
    assert_names(missing.value, home / "run")
    assert genkit("recipes", "copy", "vae_8gaussians", "~/copied.toml").code == 0 and (home / "copied.toml").exists()


@pytest.mark.trains
def test_a_home_folder_of_runs_is_expanded(home):
    assert genkit("run", "~/tiny.toml", "-q", "--runs", "~/runs").code == 0
    run = "~/runs/0001-tiny-s0"
    assert genkit("sample", run, "--out", "~/drawn", "--number", 4).code == 0 and (home / "drawn.npy").exists()
    assert genkit_package.load(run).latent_dim == 2
    assert genkit_package.train("~/tiny.toml", runs="~/more").path.parent == home / "more"
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    "arguments",
    [
        ("plan", LONG),
        ("run", "~/tiny.toml", "--runs", LONG),
        ("resume", LONG),
        ("compare", LONG, LONG),
        ("table", LONG),
        ("plan", f"{'a/' * 2_500}x.toml"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_path_that_no_file_can_have_is_refused_in_a_short_message(arguments):
    message = refused(*arguments)
    assert_names(message, "aaaa..." if LONG in arguments else "a/a/", "bytes")
    assert len(message) < 300


def test_a_nul_and_an_unknown_home_are_refused():
    assert_names(refused("plan", "~/tiny.toml", "--set", 'train.warm_start="a\\u0000b"'), "[train] warm_start", "NUL")
    assert_names(refused("plan", "~nobody-of-this-name/tiny.toml"), "~nobody-of-this-name")
    assert_names(refused("plan", "~/tiny.toml", "--set", "train.warm_start=~nobody-of-this-name"), "[train] warm_start")
    with pytest.raises(UsageError):
        genkit_package.make_plan("a\0b")


@pytest.mark.trains
def test_a_folder_whose_name_is_not_utf_8_is_trained_on_and_resumed(home):
    write_folder(Path("bilder_f\udcfcr"), 60)
    text = IMAGES.replace('use = "digits"', 'use = "image-folder"\nresolution = 8\npath = "?"')
    (home / "pics.toml").write_text(text)
    result = genkit("run", "~/pics.toml", "-q", "--set", "data.path=bilder_f\udcfcr")
    assert result.code == 0, result.err
    run = next(Path("runs").glob("0001*"))
    assert b'"bilder_f\xfcr"' in (run / "recipe.resolved.toml").read_bytes()
    assert genkit("resume", run, "-q").code == 0
    assert genkit("eval", run).code == 0


def test_control_characters_do_not_reach_the_terminal():
    result = genkit("plan", "~/tiny.toml", "--set", "title=\x1b[2J\x9b1m")
    assert result.code == 0 and "\\x1b[2J\\x9b1m" in result.out and "\x1b" not in result.out
    assert "\\x1b" in refused("plan", "~/tiny.toml", "--set", "train.\x1b[2J=1")
    assert "\\x1b" in refused("plan", "\x1b[2J.toml")
    assert "\\x1b" in refused("\x1b[2J")
    assert "\x1b" not in refused("plan", "~/tiny.toml", "--set", "seed=\x1b[2J")


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ("title=2026-11-28", ["--set title: found 2026-11-28, a date", """--set 'title="2026-11-28"'"""]),
        ("train.warm_start=1e5", ["--set [train] warm_start: found 1e5", """'train.warm_start="1e5"'"""]),
        (f"seed={'1' * 300}", ["--set seed: ", "64"]),
        (f"seed={'1' * 5_000}", ["--set seed=", "digits"]),
        ("train.steps=1\nb=2", ["--set train.steps=1", "b"]),
    ],
    ids=lambda given: given[:12] if isinstance(given, str) else "",
)
def test_an_override_that_no_key_takes_is_refused(override, names):
    for command in (("plan",), ("plan", "--json"), ("run",)):
        assert_names(refused(*command, "~/tiny.toml", "--set", override), *names)


@pytest.mark.parametrize(
    ("address", "words"),
    [("file:///tmp/x", "without file://"), ("https://example.org/x", "Download"), ("s3://bucket/x", "Download")],
)
def test_an_address_is_refused_as_it_was_typed(address, words):
    for call in (["plan", address], ["ls", address], ["sample", address], ["compare", address, address]):
        assert_names(refused(*call), f"{address}: an address", words)
    with pytest.raises(UsageError, match=f"^{address}: an address"):
        user_path(Path(address) if address.startswith(("file", "http")) else address)
    Path(address).mkdir(parents=True)  # a folder that has such a name is a folder
    assert user_path(address) == Path(address)


def test_a_line_break_in_a_name_breaks_no_line_of_a_message():
    assert_names(refused("report", "new\nline"), "new\\nline: ")
    Path("a\nb").mkdir()
    assert_names(refused("report", "a\nb/c"), "a\\nb/c: ")
