"""A resolved recipe that was cut short is damaged for every command that reads the run; one that was edited is not."""

import json
import shlex
import shutil
import tomllib
from contextlib import suppress

import pytest
import tomli_w
from support.commands import TINY, genkit, refused, write_recipe
from support.kill_and_resume import new_run
from support.messages import assert_names
from support.tiny_recipes import tiny_recipe

from genkit.errors import UsageError
from genkit.recipe.text.document import read
from genkit.recipe.text.whole_text import ANNOUNCEMENT, MARK
from genkit.runs.listing.run_summary import summary_of
from genkit.runs.on_disk.resolved_recipe import tables_of_run
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return new_run(tmp_path, tiny_recipe())


def cut_between_keys(path) -> None:
    """Keep the first half of the lines, which are valid TOML."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[: len(lines) // 2]))
    assert tomllib.loads(path.read_text())


def test_every_cut_is_noticed_though_many_are_valid_toml(folder):
    whole = folder.resolved.read_bytes()
    assert whole.count(b"\n") > 20 and whole.endswith(f"{MARK}\n".encode())
    ends = [place for place, byte in enumerate(whole) if byte == ord("\n")][:-1]
    valid = 0
    for length in (0, 10, *ends, *(end + 1 for end in ends), *(end + 4 for end in ends)):
        folder.resolved.write_bytes(whole[:length])
        with pytest.raises(UsageError) as error:
            tables_of_run(folder.resolved)
        assert_names(error.value, f"{folder.resolved}: damaged", "genkit run")
        assert summary_of(folder.path).state is RunState.DAMAGED
        with suppress(tomllib.TOMLDecodeError):
            valid += bool(tomllib.loads(whole[:length].decode()))
    assert valid > 10


def test_an_edited_recipe_and_one_of_an_older_version_are_not_damaged(folder):
    text = folder.resolved.read_text()
    tables = tomllib.loads(text)
    longer = text + "[track]\nto = []\n"
    older = "\n".join(line for line in text.splitlines() if line not in (ANNOUNCEMENT, MARK))
    for edited in (text.rstrip(), text.replace("\n", "\r\n"), older, tomli_w.dumps(tables), longer):
        folder.resolved.write_bytes(edited.encode())
        found = tables_of_run(folder.resolved)
        assert found == tables | ({"track": {"to": []}} if edited is longer else {})
        assert read(folder.resolved).tables == found


def test_a_recipe_is_restored_from_a_whole_copy_only(folder):
    copy = folder.final / "recipe.toml"
    copy.parent.mkdir()
    shutil.copy(folder.resolved, copy)
    cut_between_keys(folder.resolved)
    assert_names(refusal(folder), f"`cp {shlex.quote(str(copy))} {shlex.quote(str(folder.resolved))}`")
    cut_between_keys(copy)
    assert "`cp " not in refusal(folder)


def refusal(folder: RunFolder) -> str:
    with pytest.raises(UsageError) as error:
        tables_of_run(folder.resolved)
    return str(error.value)


@pytest.mark.trains
@pytest.mark.usefixtures("isolated")
def test_every_command_that_reads_a_run_refuses_a_cut_recipe_until_it_is_restored(tmp_path):
    assert genkit("run", write_recipe(tmp_path, TINY), "-q").code == 0
    folder = RunFolder(tmp_path / "runs" / "0001-tiny-s0")
    other = shutil.copytree(folder.path, tmp_path / "other")
    before = json.loads(genkit("ls", "--json").out)
    cut_between_keys(folder.resolved)
    calls = (
        *(("report",), ("export",), ("sample",), ("eval",), ("figures",), ("resume",), ("encode",)),
        ("compare", other),
        ("run", folder.resolved),
    )
    for command, *arguments in calls:
        asked = arguments if command == "run" else (folder.path, *arguments)
        assert_names(refused(command, *asked), f"{folder.resolved}: damaged")
    (run,) = json.loads(genkit("ls", "--json").out)["runs"]
    assert run["state"] == "damaged"
    words = shlex.split(run["reason"].split("`")[1])
    assert words[0] == "cp"
    shutil.copy(*words[1:])
    assert genkit("report", folder.path).code == genkit("resume", folder.path).code == 0
    after = json.loads(genkit("ls", "--json").out)
    assert [run["started"] is not None and {**run, "started": 0} for run in after["runs"]] == [
        {**run, "started": 0} for run in before["runs"]
    ]
    cut_between_keys(folder.final / "recipe.toml")
    assert_names(refused("sample", folder.path), f"{folder.final / 'recipe.toml'}", "genkit resume")


@pytest.mark.parametrize("left", [("metrics.jsonl", "checkpoints"), ("final/recipe.toml",)], ids=["log", "model"])
def test_a_recipe_that_is_lost_is_reported_as_a_damaged_one(folder, left):
    whole = folder.resolved.read_text()
    folder.resolved.unlink()
    assert_names(refused("report", folder.path), f"{folder.path}: not a run folder")  # nothing of a run is left
    for name in left:
        place = folder.path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(whole)
    restored = f"cp {shlex.quote(str(place))} {shlex.quote(str(folder.resolved))}"
    again = f"genkit run {shlex.quote(str(folder.path / 'recipe.toml'))}"
    remedy = restored if place.parent == folder.final else again
    for command in ("report", "resume", "compare", "figures", "sample"):
        assert_names(refused(command, folder.path), f"error: {folder.resolved}: not found", remedy)
    for place in (folder.path, folder.path.parent):
        listed = json.loads(genkit("ls", place, "--json").out)["runs"]
        assert [run["state"] for run in listed] == ["damaged"] and remedy in listed[0]["reason"]


@pytest.mark.parametrize("of_others", ["metrics.jsonl", "checkpoints"])
def test_a_folder_of_runs_in_which_another_program_works_is_no_run(folder, of_others):
    (folder.path.parent / of_others).write_text("")
    listed = json.loads(genkit("ls", folder.path.parent, "--json").out)["runs"]
    assert [run["name"] for run in listed] == [folder.path.name]
    assert_names(refused("report", folder.path.parent), f"{folder.path.parent}: not a run folder")


def test_a_part_of_the_model_folder_of_a_run_is_answered_with_its_run(folder):
    folder.final.mkdir()
    (folder.final / "model.safetensors").write_bytes(b"half of the weights")
    assert_names(refused("sample", folder.final), folder.final, f"genkit resume {folder.path}")
    assert_names(refused("compare", folder.final, folder.path), folder.final, f"Give its run, {folder.path}.")
