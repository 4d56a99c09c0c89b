"""Commands that need a run: what they say of a model folder, an exported folder, and a name on the hub."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from support.commands import IMAGES, genkit, refused
from support.messages import assert_names
from support.models import write_model

import genkit as python
from genkit.cli import app
from genkit.cli.places.given_model import CommandWithModel
from genkit.errors import UsageError
from genkit.runs.on_disk.not_a_run_folder import READERS
from genkit.sharing.export import export

pytestmark = pytest.mark.usefixtures("isolated")

NAME = "nobody/nothing"
NEED_A_RUN = ["report", "resume", "figures", "export", "fit-prior", "ls", "compare"]


def test_the_commands_that_messages_name_are_those_that_take_any_model():
    commands = typer.main.get_command(app).commands
    assert sorted(name for name, command in commands.items() if isinstance(command, CommandWithModel)) == list(READERS)


@pytest.mark.parametrize("command", NEED_A_RUN)
def test_a_name_on_the_hub_is_answered_with_the_commands_that_take_one(command):
    message = refused(command, NAME)
    assert_names(message, f"{NAME}: not found", "ORG/NAME", *READERS)


def test_a_path_is_no_name_on_the_hub(tmp_path):
    (tmp_path / "here").mkdir()
    for path in ("runs/0001", "here/other", "nobody", "a/b/c", tmp_path / "x"):
        for command in ("report", "ls"):
            assert "ORG/NAME" not in refused(command, path)
    with pytest.raises(UsageError) as caught:
        python.open_run(NAME)
    assert_names(caught.value, NAME, "ORG/NAME")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a folder that has what a finished run has, as far as these commands read it."""
    folder = tmp_path / "a run"
    write_model(folder / "final", IMAGES)
    (folder / "recipe.resolved.toml").write_bytes((folder / "final" / "recipe.toml").read_bytes())
    (folder / "results.json").write_text("[]")
    return folder


@pytest.mark.parametrize("command", ["report", "resume", "figures"])
def test_a_model_folder_is_answered_with_its_run(run, command):
    assert_names(refused(command, run / "final"), f"{run / 'final'}: a model folder", f"Give its run, {run}.")
    write_model(run.parent / "model", IMAGES)
    assert_names(refused(command, run.parent / "model"), "a model folder", *READERS)


@pytest.mark.parametrize("command", ["report", "fit-prior", "export", "sample", "eval"])
def test_a_model_that_a_run_lacks_is_answered_with_those_that_it_has(run, command):
    needs_run = command == "report"
    for name, hint in (("best", "[evaluate] best"), ("fitted", "`genkit fit-prior RUN`")):
        message = refused(command, run / name)
        assert_names(
            message, f"{run / name}: not found", *([f"Give its run, {run}."] if needs_run else ["final", hint])
        )
        assert "`genkit run RECIPE`" not in message
    if not needs_run:
        assert_names(refused(command, run / "finl"), "Did you mean final?")
        assert "evaluate" not in refused(command, run.parent / "best")  # beside a run, not in one


def test_a_comparison_of_a_run_with_its_model_says_how_to_compare_them(run):
    final, exported = run / "final", export(run, run.parent / "shared").folder
    for call in ([run, final], [final, run], [run, exported]):
        message = refused("compare", *call)
        assert_names(message, f"genkit eval '{final}'" if final in call else f"genkit eval {exported}")
    assert_names(refused("compare", run, final), f"genkit eval '{run}'")


@pytest.mark.parametrize("place", ["a run", "a run/final", "shared"])
def test_a_model_without_metrics_is_not_evaluated_in_silence(run, place):
    """The remark is not part of the JSON."""
    export(run, run.parent / "shared")
    text = genkit("eval", run.parent / place)
    assert text.code == 0
    assert_names(text.out, place, "--metrics")
    found = genkit("eval", run.parent / place, "--json")
    assert found.code == 0 and json.loads(found.out)["results"] == []
    assert_names(found.err, "remark: ", place, "--metrics")
