"""Commands on runs that are missing, unfinished or damaged: one message with the remedy, and no harm to the run."""

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from support.commands import IMAGES, TINY, genkit, install, refused, write_recipe
from support.messages import assert_names
from support.pictures import write_folder

import genkit as python
from genkit.errors import GenkitWarning, Interrupted
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train

pytestmark = pytest.mark.trains


def make(root: Path, monkeypatch, *, stop_after: int | None = None) -> Path:
    """Make a run, finished or interrupted."""

    def update(self, step, line):
        if step == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setattr("genkit.console.run_progress.SilentProgress.update", update)
        result = genkit("run", write_recipe(root), "--runs", root, "-q")
        assert result.code == (0 if stop_after is None else 130), result.err
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
def _isolated(isolated):
    """Run each test in an empty folder."""


# Paths that are not runs


@pytest.mark.parametrize("command", ["resume", "eval", "sample", "reconstruct", "interpolate"])
def test_a_path_that_is_not_a_run_is_refused(command, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    for place in ("folder", "file", "none"):
        assert refused(command, place).startswith(f"error: {place}: ")
    missing = "recipe.resolved.toml" if command == "resume" else "about.json"
    assert_names(refused(command, "folder"), missing)
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize("command", ["resume", "eval", "sample", "reconstruct", "interpolate", "figures", "compare"])
def test_a_recipe_in_place_of_a_run_is_answered_with_genkit_run(command, tmp_path):
    write_recipe(tmp_path)
    assert_names(refused(command, "tiny.toml"), "tiny.toml: ", "`genkit run tiny.toml`")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_run_in_place_of_a_recipe_is_answered_with_genkit_resume(command, finished):
    assert_names(refused(command, finished), f"error: {finished}: ", f"`genkit resume {finished}`")


@pytest.mark.parametrize("command", ["resume", "eval", "sample"])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("0012-tiny", "Did you mean 0012-tiny-s0?"),
        ("0012", "Did you mean 0012-tiny-s0?"),
        ("7", "Known: 0012-tiny-s0."),
    ],
)
def test_a_run_that_does_not_exist_is_refused_with_similar_runs(command, name, hint, finished):
    finished.rename("0012-tiny-s0")
    assert_names(refused(command, name), f"error: {name}: ", hint)


@pytest.mark.parametrize("command", ["eval", "sample", "reconstruct", "interpolate"])
def test_an_unfinished_run_is_shown_at_its_newest_checkpoint(command, unfinished):
    (newest,) = (unfinished / "checkpoints").iterdir()
    step = int(newest.name.removeprefix("step-"))
    result = genkit(command, unfinished)
    assert result.code == 0, result.err
    assert_names(result.err, f"remark: {unfinished}: has not finished", f"step {step}")
    assert result.err.count("\n") == 1
    assert genkit(command, unfinished, "--json").out.startswith("{")
    if command == "eval":
        with pytest.warns(GenkitWarning, match="has not finished") as caught:
            python.evaluate(unfinished)
        assert [warning.filename for warning in caught] == [__file__]
    assert genkit("resume", unfinished).code == 0
    result = genkit(command, unfinished)
    assert (result.code, result.err) == (0, "")
    shutil.rmtree(unfinished / "final")  # killed while it wrote the last files
    assert_names(genkit(command, unfinished).err, f"{unfinished}: has not finished", "step 5")


@pytest.mark.parametrize("command", ["eval", "sample", "reconstruct", "interpolate"])
def test_a_run_without_a_checkpoint_is_answered_with_genkit_resume(command, unfinished):
    shutil.rmtree(unfinished / "checkpoints")
    assert_names(refused(command, unfinished), f"{unfinished}", "checkpoint", f"`genkit resume {unfinished}`")


def test_a_run_without_figures_is_answered_with_genkit_resume(unfinished):
    assert_names(refused("figures", unfinished), f"{unfinished}", f"`genkit resume {unfinished}`", "genkit sample")


def test_data_that_are_looked_for_elsewhere_are_answered_with_the_working_folder(tmp_path, monkeypatch):
    write_folder(Path("pictures"), 12)
    text = IMAGES.replace('use = "digits"', 'use = "image-folder"\npath = "pictures"\nresolution = 8')
    write_recipe(tmp_path, text.replace("[train]", "[metrics.psnr]\nsamples = 1\n\n[train]").replace("= 16", "= 4"))
    assert genkit("run", "tiny.toml", "-q").code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for command in ("eval", "reconstruct", "resume"):
        if command == "resume":
            shutil.rmtree(tmp_path / "runs/0001-tiny-s0/final")
        message = refused(command, "../runs/0001-tiny-s0")
        assert_names(message, f"{tmp_path / 'elsewhere'}", "elative", "pictures")
    assert genkit("sample", "../runs/0001-tiny-s0").code == 0


def test_a_run_without_a_checkpoint_starts_from_the_beginning(unfinished, originals):
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


def test_a_run_whose_plugin_is_not_installed_names_the_missing_part(tmp_path, monkeypatch):
    install(tmp_path / "site", "genkit-torch-half", "gone_half", PLUGIN.format(module="gone_half"))
    with monkeypatch.context() as patched:
        patched.syspath_prepend(tmp_path / "site")
        patched.setenv("GENKIT_PLUGINS", "gone_half")
        result = genkit("run", write_recipe(tmp_path), "-q", "--set", "loss.beta_kl=half")
        assert result.code == 0, result.err
    for command in ("resume", "eval"):
        message = refused(command, "runs/0001-tiny-s0")
        assert_names(message, "[loss.beta_kl] use: ", '"half"', "GENKIT_PLUGINS=none")
        assert_names(message, "genkit-torch-half 0.1.0", "pip install", "genkit-torch-half==0.1.0")
    assert genkit("sample", "runs/0001-tiny-s0").code == 0  # needs only the model


def test_a_locked_run_can_be_read_but_not_resumed(finished):
    with RunFolder.open(finished).locked():
        assert genkit("eval", finished).code == 0
        (finished / "final/about.json").unlink()
        assert_names(refused("resume", finished, "-q"), f"{finished}: ", "another process")
    assert genkit("resume", finished).code == 0


# Damaged files


@pytest.mark.parametrize("damage", ["cut", "empty", "missing", "text"])
@pytest.mark.parametrize("command", ["eval", "sample"])
def test_damaged_weights_are_named(finished, damage, command):
    weights = finished / "final" / "model.safetensors"
    content = {"cut": weights.read_bytes()[:-10], "empty": b"", "text": b"<html>not found</html>" * 9}
    weights.unlink()
    if damage != "missing":
        weights.write_bytes(content[damage])
    assert_names(refused(command, finished), f"{weights}: ", "genkit resume")


def test_weights_of_another_network_are_named(finished):
    recipe = finished / "final" / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("width = 16", "width = 8"))
    assert_names(refused("sample", finished), f"{finished / 'final'}", "another network")


@pytest.mark.parametrize("about", ["", "{}", "[]", "3", '{"data_shape": null}', '{"step": 5'])
def test_damaged_facts_of_a_model_folder_are_named(finished, about):
    (finished / "final" / "about.json").write_text(about)
    assert_names(refused("sample", finished), f"{finished / 'final'}", "about.json")


@pytest.mark.parametrize("content", ['title = "no model"', "no toml", "", None])
def test_a_damaged_recipe_of_a_model_folder_is_named_and_can_be_written_again(finished, content):
    recipe = finished / "final" / "recipe.toml"
    recipe.unlink() if content is None else recipe.write_text(content)
    assert_names(refused("sample", finished), f"{recipe}: ", "genkit resume")
    shutil.rmtree(finished / "final")
    assert genkit("resume", finished, "-q").code == 0 and genkit("sample", finished).code == 0


def test_lost_results_are_computed_again_from_the_last_checkpoint(finished):
    results = finished / "results.json"
    before = json.loads(results.read_text())
    results.unlink()
    assert genkit("resume", finished, "-q").code == 0
    assert json.loads(results.read_text()) == before
    results.write_text("[")
    assert_names(refused("resume", finished), f"{results}: ", "`genkit resume`")
    shutil.rmtree(finished / "checkpoints")
    results.unlink()
    assert_names(refused("resume", finished), f"{results}: cannot be read")  # and does not train again


def test_a_damaged_recipe_of_a_run_is_named_with_its_line(finished):
    resolved = finished / "recipe.resolved.toml"
    text = resolved.read_text()
    line = text[: text.index("width = 16")].count("\n") + 1
    resolved.write_text(text.replace("width = 16", "width = ?"))
    assert_names(refused("resume", finished), f"{resolved}: ", "TOML", f"line {line}")


def test_a_damaged_log_is_named(unfinished):
    (unfinished / "metrics.jsonl").write_text('{"step": 1, oh\n{"step": 2}\n')
    assert_names(refused("resume", unfinished), f"{unfinished / 'metrics.jsonl'}: ", "damaged")
    (unfinished / "metrics.jsonl").unlink()
    assert genkit("resume", unfinished).code == 0


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"[1, 2]\n", b"{}\n"])
def test_a_log_with_other_content_is_named(finished, content):
    (finished / "final/about.json").unlink()
    (finished / "metrics.jsonl").write_bytes(content)
    assert_names(refused("resume", finished, "-q"), f"{finished / 'metrics.jsonl'}: ", "damaged")


def test_lost_lines_of_a_log_are_reported(unfinished):
    log = unfinished / "metrics.jsonl"
    lines = len(log.read_text().splitlines())
    log.unlink()
    result = genkit("resume", unfinished)
    assert result.code == 0, result.err
    assert_names(result.out, f"{log}: has 0 of the {lines} lines")
    assert lines > 0


@pytest.mark.parametrize("name", ["checkpoints", "metrics.jsonl"])
def test_a_resume_without_permission_to_write_is_refused(unfinished, monkeypatch, name):
    (unfinished / "metrics.jsonl").touch()
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: Path(path).name != name and access(path, mode))
    assert_names(refused("resume", unfinished, "-q"), f"error: {unfinished}: cannot be written", unfinished / name)


def test_hidden_checkpoints_do_not_start_a_run_again(unfinished):
    (unfinished / "checkpoints").rename(unfinished / "elsewhere")
    (unfinished / "checkpoints").symlink_to(unfinished / "unmounted")
    (unfinished / "metrics.jsonl").write_text('{"step": 1}\n')
    assert_names(refused("resume", unfinished), f"error: {unfinished / 'checkpoints'}: cannot be read")
    assert (unfinished / "metrics.jsonl").read_text() == '{"step": 1}\n'


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [("seed = 0", "seed = 7", "seed 0 -> 7"), ("width = 16", "width = 8", "model.width 16 -> 8"),
     ("steps = 5", "steps = 60", "train.steps 5 -> 60"), ("8-gaussians", "25-gaussians", "data.use 8-gaussians -> 25")],
)  # fmt: skip
def test_another_recipe_is_refused_by_a_resume(unfinished, old, new, named):
    resolved = unfinished / "recipe.resolved.toml"
    assert old in resolved.read_text()
    resolved.write_text(resolved.read_text().replace(old, new))
    assert_names(refused("resume", unfinished), f"error: {resolved}: ", named)


def test_more_steps_after_the_end_are_answered_with_a_warm_start(finished):
    resolved = finished / "recipe.resolved.toml"
    resolved.write_text(resolved.read_text().replace("steps = 5", "steps = 60"))
    for folder in (finished / "results.json", finished / "final" / "about.json"):
        assert_names(refused("resume", finished), f"{resolved} [train] steps", "5 steps", "60", "train.warm_start")
        folder.unlink()
    assert_names(refused("resume", finished), "train.warm_start")


def test_files_of_the_user_in_a_run_folder_are_left_alone(unfinished):
    notes = [unfinished / "checkpoints" / "step-notes", unfinished / "samples" / "step-best.png"]
    for path in notes:
        path.write_text("mine")
    result = genkit("resume", unfinished)
    assert result.code == 0, result.err
    assert all(path.read_text() == "mine" for path in notes)


# Places that cannot be written


def test_a_run_that_cannot_be_locked_is_refused(finished):
    (finished / "final/about.json").unlink()
    (finished / ".lock").unlink(missing_ok=True)
    (finished / ".lock").mkdir()
    assert_names(refused("resume", finished, "-q"), f"error: {finished}: cannot be written")


def test_samples_that_cannot_be_written_are_refused(finished, tmp_path):
    (tmp_path / "file").write_text("")
    assert_names(refused("sample", finished, "--out", "file/x"), "--out file/x: cannot be written")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_reported_with_the_free_space(finished, tmp_path, monkeypatch):
    drafts = tmp_path / "drafts"  # files are written here before they get their names
    drafts.mkdir()
    (drafts / "a.npy").symlink_to("/dev/full")
    monkeypatch.setattr("tempfile.mkdtemp", lambda *arguments: str(drafts))
    assert_names(refused("sample", finished, "--out", "a"), "error: a: cannot be written: ", "disk", "free")
    assert not list(tmp_path.glob("a*"))


# Weights, metrics and data that a run does not have


def test_unknown_weights_are_refused(finished):
    assert_names(refused("sample", finished, "--weights", "best"), "--weights", "raw", "ema")


@pytest.mark.parametrize(
    "arguments",
    [
        *([command, "--weights", "ema"] for command in ("sample", "reconstruct", "interpolate")),
        ["eval", "--set", "metrics.modes.weights=ema"],
    ],
)
def test_missing_ema_weights_are_refused_with_the_table_that_makes_them(finished, arguments):
    assert_names(refused(arguments[0], finished, *arguments[1:]), "ema", "[ema]")


def test_an_unknown_metric_is_refused_with_a_similar_one(finished):
    message = refused("eval", finished, "--set", "metrics.mods.samples=3")
    assert_names(message, "[metrics.mods] use: ", '"mods"', "Did you mean modes?")


def test_data_of_another_shape_are_refused_by_an_evaluation(finished):
    message = refused("eval", finished, "--set", "data.use=digits", "--set", "metrics={}")
    assert_names(message, f"{finished}: ", "[data]", "[1, 28, 28]", "[2]")


# Resume


def test_a_finished_run_is_printed_again_and_not_trained_again(finished):
    shutil.rmtree(finished / "checkpoints")
    before = (finished / "metrics.jsonl").read_bytes()
    result = genkit("resume", finished)
    assert result.code == 0 and "5 steps" in result.out and "modes" in result.out
    assert (finished / "metrics.jsonl").read_bytes() == before


def test_a_resume_needs_no_warm_start(finished, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    assert genkit("run", "tiny.toml", "-q", "--runs", "again", "--set", f"train.warm_start={finished}").code == 0
    (run,) = (path for path in (tmp_path / "again").iterdir() if path.is_dir())
    shutil.rmtree(finished)
    (run / "final/about.json").unlink()
    result = genkit("resume", run, "-q")
    assert result.code == 0, result.err


# Errors during training

RESUME = "genkit resume runs/0001-tiny-s0"


@pytest.mark.parametrize(
    ("error", "code", "names"),
    [
        (OSError(28, "No space left"), 1, ["runs/0001-tiny-s0: ", "disk", "free", "checkpoints", RESUME]),
        (OSError(28, "No space left", "here"), 1, ["here: ", "disk", "free", "checkpoints", RESUME]),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 2, ["out of memory", "batch_size"]),
        (MemoryError(), 2, ["out of memory", "batch_size"]),
        (KeyboardInterrupt(), 130, ["stopped", RESUME]),
    ],
)
def test_an_error_during_training_is_reported_with_a_remedy(tmp_path, monkeypatch, error, code, names):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("genkit.cli.training.train_in_folder", fail)
    (tmp_path / "tiny.toml").write_text(TINY)
    result = genkit("run", "tiny.toml", "-q")
    assert (result.code, result.out) == (code, "")
    assert_names(result.err, *names)


def test_a_run_that_is_interrupted_after_its_last_step_names_the_saved_one(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("genkit.runs.training.train.finish", fail)
    (tmp_path / "tiny.toml").write_text(TINY)
    result = genkit("run", "tiny.toml", "-q")
    assert (result.code, result.out) == (130, "")
    assert_names(result.err, "step 5 of 5 is saved", RESUME)
    with pytest.raises(Interrupted, match=r"step 5 of 5 is saved.*genkit\.resume\("):
        train("tiny.toml", "python")


def test_an_unknown_error_keeps_its_traceback(tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("a mistake in genkit")

    monkeypatch.setattr("genkit.cli.training.train_in_folder", fail)
    (tmp_path / "tiny.toml").write_text(TINY)
    with pytest.raises(RuntimeError, match="a mistake in genkit"):
        genkit("run", "tiny.toml", "-q")


@pytest.mark.parametrize("saved", [False, True])
def test_after_a_divergence_no_hint_leads_back_to_it(tmp_path, monkeypatch, saved):
    monkeypatch.chdir(tmp_path)
    write_recipe(tmp_path)
    keys = ("--runs", "diverged", "--set", "train.steps=40", "--set", f"checkpoint.every={1 if saved else 40}")
    result = genkit("run", "tiny.toml", "-q", *keys, "--set", "optimiser.encoder.lr=1e30")
    assert result.code == 3
    (folder,) = Path("diverged").glob("0*")
    new_run = f"`genkit run {folder}/recipe.resolved.toml --set "
    assert (new_run in result.err) is not saved and (f"`genkit eval {folder}`" in result.err) is saved
    if not saved:
        for command in ("eval", "figures", "sample"):
            assert new_run in refused(command, folder)
