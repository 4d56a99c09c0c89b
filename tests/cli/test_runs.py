"""Runs that are not what a command needs: each is told what it is and what to do, and none is harmed."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from support.commands import TINY, genkit, install, write_recipe
from support.messages import assert_names

from genkit.runs.run_folder import RunFolder


def make(root: Path, monkeypatch, *, stop_after: int | None = None) -> Path:
    """Make a run, finished or interrupted."""

    def update(self, step, line):
        if step == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setattr("genkit.console.output.NonNegativeInt.update", update)
        said = genkit("run", write_recipe(root), "--runs", root, "-q")
        assert said.code == (0 if stop_after is None else 130), said.err
    return root / "0001-tiny-s0"


@pytest.fixture(scope="module")
def originals(tmp_path_factory) -> dict[str, Path]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        return {
            "finished": make(tmp_path_factory.mktemp("finished"), monkeypatch),
            "unfinished": make(tmp_path_factory.mktemp("unfinished"), monkeypatch, stop_after=2),
        }


@pytest.fixture
def finished(originals, tmp_path) -> Path:
    return Path(shutil.copytree(originals["finished"], tmp_path / "finished"))


@pytest.fixture
def unfinished(originals, tmp_path) -> Path:
    return Path(shutil.copytree(originals["unfinished"], tmp_path / "unfinished"))


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_PLUGINS", "none")


def refused(*arguments: object) -> str:
    """Return the message of a call that is refused, and prints nothing else."""
    said = genkit(*arguments)
    assert (said.code, said.out) == (2, ""), said
    assert said.err.startswith("error: ")
    return said.err


@pytest.mark.parametrize("command", ["resume", "eval", "sample", "reconstruct", "interpolate"])
def test_what_is_no_run_is_told(command, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    missing = "recipe.resolved.toml" if command == "resume" else "about.json"
    assert missing in refused(command, "folder")
    for place in ("folder", "file", "none"):
        told = refused(command, place)
        assert told.startswith(f"error: {place}: ")
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("command", ["resume", "eval", "sample", "reconstruct", "interpolate", "figures", "compare"])
def test_a_recipe_in_the_place_of_a_run_is_told_to_be_run(command, tmp_path):
    write_recipe(tmp_path)
    told = refused(command, "tiny.toml")
    assert "tiny.toml: " in told and "`genkit run tiny.toml`" in told


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_run_in_the_place_of_a_recipe_is_told_to_be_resumed(command, finished):
    told = refused(command, finished)
    assert f"{finished}: " in told and f"`genkit resume {finished}`" in told


@pytest.mark.parametrize("command", ["resume", "eval", "sample"])
@pytest.mark.parametrize(
    ("name", "hint"), [("0012-tiny", "Did you mean 0012-tiny-s0?"), ("0012", "Known: 0012-tiny-s0.")]
)
def test_a_run_that_is_not_there_is_told_with_those_beside_it(command, name, hint, finished):
    finished.rename("0012-tiny-s0")
    told = refused(command, name)
    assert told.startswith(f"error: {name}: ") and hint in told


@pytest.mark.parametrize("command", ["eval", "sample", "reconstruct", "interpolate"])
def test_an_unfinished_run_is_told_to_be_resumed(command, unfinished):
    assert f"`genkit resume {unfinished}`" in refused(command, unfinished)
    assert genkit("resume", unfinished).code == 0
    assert genkit(command, unfinished).code == 0


def test_a_run_that_died_before_its_first_save_starts_again(unfinished, originals):
    shutil.rmtree(unfinished / "checkpoints")
    assert genkit("resume", unfinished).code == 0
    expected = (originals["finished"] / "final" / "model.safetensors").read_bytes()
    assert (unfinished / "final" / "model.safetensors").read_bytes() == expected


PLUGIN = """\
from dataclasses import dataclass
from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

@hookimpl
def genkit_schedules():
    yield Entry("half", "{module}:Half", "", "")

@dataclass(frozen=True)
class Half:
    \"\"\"One half.\"\"\"
    def __call__(self, t: float) -> float:
        return 0.5
"""


def test_a_run_whose_plugin_is_gone_is_told_what_is_missing(tmp_path, monkeypatch):
    install(tmp_path / "site", "genkit-torch-half", "gone_half", PLUGIN.format(module="gone_half"))
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path / "site")
        patched.setenv("GENKIT_PLUGINS", "gone_half")
        said = genkit("run", write_recipe(tmp_path), "-q", "--set", "loss.beta_kl=half")
        assert said.code == 0, said.err
    for command in ("resume", "eval"):
        told = refused(command, "runs/0001-tiny-s0")
        assert '[loss.beta_kl] use: unknown schedule "half"' in told
        assert "GENKIT_PLUGINS=none restricts what is loaded" in told
    assert genkit("sample", "runs/0001-tiny-s0").code == 0  # needs the model alone


def test_a_run_in_use_is_refused_and_only_to_those_who_write(finished):
    with RunFolder.open(finished).locked():
        assert genkit("eval", finished).code == 0
        (finished / "final/about.json").unlink()
        assert "in use by another process" in refused("resume", finished, "-q")
    assert genkit("resume", finished).code == 0


@pytest.mark.parametrize("harm", ["cut", "empty", "gone", "text"])
@pytest.mark.parametrize("command", ["eval", "sample"])
def test_final_weights_that_are_damaged_are_named(finished, harm, command):
    weights = finished / "final" / "model.safetensors"
    content = {"cut": weights.read_bytes()[:-10], "empty": b"", "text": b"<html>not found</html>" * 9}
    weights.unlink()
    if harm != "gone":
        weights.write_bytes(content[harm])
    told = refused(command, finished)
    assert_names(told, weights, "not found" if harm == "gone" else "damaged")


def test_final_weights_of_another_network_are_named(finished):
    recipe = finished / "final" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("width = 16", "width = 8"))
    assert_names(refused("sample", finished), finished / "final", "weights of another network")


@pytest.mark.parametrize("about", ["", "{}", "[]", "3", '{"data_shape": null}', '{"step": 5'])
def test_a_final_folder_whose_facts_are_damaged_is_told(finished, about):
    (finished / "final" / "about.json").write_text(about)
    assert "no readable about.json" in refused("sample", finished)


@pytest.mark.parametrize("content", ['title = "no model"', "no toml", "", None])
def test_a_final_folder_whose_recipe_is_damaged_is_told_and_made_again(finished, content):
    recipe = finished / "final" / "recipe.toml"
    recipe.unlink() if content is None else recipe.write_text(content)
    told = refused("sample", finished)
    assert_names(told, recipe, "genkit resume")
    shutil.rmtree(finished / "final")
    assert genkit("resume", finished, "-q").code == 0 and genkit("sample", finished).code == 0


def test_numbers_that_are_lost_are_made_again_from_the_last_checkpoint(finished):
    before = json.loads((finished / "results.json").read_text())
    (finished / "results.json").unlink()
    assert genkit("resume", finished, "-q").code == 0
    assert json.loads((finished / "results.json").read_text()) == before
    (finished / "results.json").write_text("[")
    assert_names(refused("resume", finished), finished / "results.json", "Delete it", "`genkit resume`")
    shutil.rmtree(finished / "checkpoints")
    (finished / "results.json").unlink()
    assert "results.json: cannot be read" in refused("resume", finished)  # and is not trained anew


def test_a_recipe_of_a_run_that_was_damaged_is_named_with_its_line(finished):
    resolved = finished / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace("width = 16", "width = ?"))
    assert "recipe.resolved.toml: not valid TOML" in refused("resume", finished)


def test_metrics_that_were_damaged_are_named_with_the_remedy(unfinished):
    (unfinished / "metrics.jsonl").write_text('{"step": 1, oh\n{"step": 2}\n')
    assert "metrics.jsonl: damaged" in refused("resume", unfinished)
    (unfinished / "metrics.jsonl").unlink()
    assert genkit("resume", unfinished).code == 0


def test_files_that_a_person_put_beside_are_left_alone(unfinished):
    notes = [unfinished / "checkpoints" / "step-notes", unfinished / "samples" / "step-best.png"]
    for path in notes:
        path.write_text("mine")
    said = genkit("resume", unfinished)
    assert said.code == 0, said.err
    assert all(path.read_text() == "mine" for path in notes)


def test_a_run_that_cannot_be_locked_is_told(finished):
    (finished / "final/about.json").unlink()
    (finished / ".lock").unlink(missing_ok=True)
    (finished / ".lock").mkdir()
    assert "cannot be written" in refused("resume", finished, "-q")


def test_samples_that_cannot_be_written_are_told(finished, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file/x: cannot be written" in refused("sample", finished, "--out", "file/x")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_with_what_is_free(finished, tmp_path):
    (tmp_path / "a.npy").symlink_to("/dev/full")
    assert "a: cannot be written: the disk is full (" in refused("sample", finished, "--out", "a")


def test_weights_that_do_not_exist_are_told(finished):
    assert 'expected "raw" or "ema"' in refused("sample", finished, "--weights", "best")


@pytest.mark.parametrize(
    "arguments",
    [
        *([command, "--weights", "ema"] for command in ("sample", "reconstruct", "interpolate")),
        ["eval", "--set", "metrics.modes.weights=ema"],
    ],
)
def test_the_average_of_a_run_that_kept_none_is_told_with_what_makes_one(finished, arguments):
    told = refused(arguments[0], finished, *arguments[1:])
    assert_names(told, "no EMA weights", "[ema]")


def test_a_metric_that_cannot_be_is_told(finished):
    told = refused("eval", finished, "--set", "metrics.mods.samples=3")
    assert 'no metric is called "mods". Did you mean modes?' in told


def test_a_finished_run_is_told_again_and_never_trained_again(finished):
    shutil.rmtree(finished / "checkpoints")
    before = (finished / "metrics.jsonl").read_bytes()
    said = genkit("resume", finished)
    assert said.code == 0 and "has already come to its end" in said.out and "modes" in said.out
    assert (finished / "metrics.jsonl").read_bytes() == before


def test_data_of_another_shape_are_refused_by_an_evaluation(finished):
    told = refused("eval", finished, "--set", "data.use=digits", "--set", "metrics={}")
    assert told.startswith(f"error: {finished}: ") and "[data]" in told and "[1, 28, 28]" in told and "[2]" in told


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"[1, 2]\n", b"{}\n"])
def test_damaged_metrics_are_told(finished, content):
    (finished / "final/about.json").unlink()
    (finished / "metrics.jsonl").write_bytes(content)
    assert "metrics.jsonl: damaged" in refused("resume", finished, "-q")


def test_a_resume_needs_no_warm_start(finished, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    assert genkit("run", "tiny.toml", "-q", "--runs", "again", "--set", f"train.warm_start={finished}").code == 0
    (run,) = (path for path in (tmp_path / "again").iterdir() if path.is_dir())
    shutil.rmtree(finished)
    (run / "final/about.json").unlink()
    said = genkit("resume", run, "-q")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (OSError(28, "No space left"), 1, "runs/0001-tiny-s0: the disk is full ("),
        (OSError(28, "No space left", "here"), 1, ". Checkpoints already written are kept. Go on with: genkit resume"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 2, "out of memory"),
        (KeyboardInterrupt(), 130, "stopped at once. Go on with: genkit resume"),
    ],
)
def test_what_befalls_a_run_is_told_with_a_remedy(tmp_path, monkeypatch, error, code, expected):
    def fail(*arguments):
        raise error

    monkeypatch.setattr("genkit.cli.training.run", fail)
    (tmp_path / "tiny.toml").write_text(TINY)
    said = genkit("run", "tiny.toml", "-q")
    assert (said.code, said.out) == (code, "")
    assert expected in said.err


def test_an_error_of_the_program_itself_keeps_its_traceback(tmp_path, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("a mistake in genkit")

    monkeypatch.setattr("genkit.cli.training.run", fail)
    (tmp_path / "tiny.toml").write_text(TINY)
    with pytest.raises(RuntimeError, match="a mistake in genkit"):
        genkit("run", "tiny.toml", "-q")
