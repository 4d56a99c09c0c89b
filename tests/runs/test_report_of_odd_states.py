"""The page of a run in an odd state: what has been lost, of which step each part is, and how the run goes on."""

import os
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from support.commands import TINY, genkit, write_recipe
from support.kill_and_resume import new_run, train_and_kill, train_on
from support.messages import assert_names
from support.tiny_recipes import tiny_recipe

from genkit.cli import launch
from genkit.errors import Interrupted
from genkit.launched import UNSAID
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report
from genkit.runs.listing.run_summary import summary_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_state import RunState
from genkit.runs.report.report_of_run import report_of_run
from genkit.runs.report.write_report import write_absent_report
from genkit.runs.training.live_run import LiveRun

pytestmark = [pytest.mark.usefixtures("isolated"), pytest.mark.trains]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return a function that copies a finished run on points in the plane."""
    root = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("GENKIT_PLUGINS", "none")
        patched.setenv("GENKIT_CACHE", str(root / "cache"))
        assert genkit("run", write_recipe(root, TINY), "-q").code == 0

    def copied(place: Path) -> RunFolder:
        return RunFolder(Path(shutil.copytree(root / "runs" / "0001-tiny-s0", place / "run")))

    return copied


def remarks_of(folder: RunFolder) -> str:
    return "\n".join(report_of_run(folder).remarks)


LOST = {
    "figures": lambda folder: folder.figures,
    "samples": lambda folder: folder.samples,
    "timing.json": lambda folder: folder.timing,
    "metrics.jsonl": lambda folder: folder.metrics,
    "results.json": lambda folder: folder.results,
    "final/model.safetensors": lambda folder: folder.final / "model.safetensors",
}


def test_what_a_finished_run_has_lost_is_named_at_the_top(finished, tmp_path, never_collapsed):
    folder = finished(tmp_path)
    assert remarks_of(folder) == ""
    shutil.rmtree(folder.checkpoints)  # often deleted to save space; nothing of a finished run needs them
    assert remarks_of(folder) == ""
    for name, path_in in LOST.items():
        lost = finished(tmp_path / name)
        path = path_in(lost)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        assert_names(remarks_of(lost), f"{path}:")
        assert report_of_run(lost).state is RunState.FINISHED
        others = [other(lost) for key, other in LOST.items() if key != name]
        assert not any(f"{other}:" in remarks_of(lost) for other in others)


def test_lines_that_a_log_has_lost_are_named(finished, tmp_path):
    folder = finished(tmp_path)
    lines = folder.metrics.read_text().splitlines(keepends=True)
    folder.metrics.write_text("".join(lines[:-1]))
    assert_names(remarks_of(folder), f"{folder.metrics}: has {len(lines) - 1} of the {len(lines)} lines")


def test_a_run_without_its_model_folder_is_incomplete_in_the_page_and_in_the_list(finished, tmp_path, never_collapsed):
    folder = finished(tmp_path)
    whole = report_of_run(folder)
    shutil.rmtree(folder.final)
    report, listed = report_of_run(folder), summary_of(folder.path)
    assert report.state is listed.state is RunState.INCOMPLETE and report.facts["step"] == "5 of 5"
    assert listed.reason in report.remarks[0] and "stopped" not in report.remarks[0].lower()
    assert report.metrics == whole.metrics and report.metrics_step == 5
    assert genkit("resume", folder.path, "-q").code == 0
    assert report_of_run(folder).state is RunState.FINISHED and remarks_of(folder) == ""


def test_a_run_without_model_and_checkpoint_starts_again(finished, tmp_path):
    folder = finished(tmp_path)
    whole = report_of_run(folder)
    shutil.rmtree(folder.final)
    shutil.rmtree(folder.checkpoints)
    report = report_of_run(folder)
    assert report.state is summary_of(folder.path).state is RunState.STOPPED
    assert_names(report.remarks[0], "after step 5 of 5", "from step 0")
    assert report.metrics == whole.metrics


def test_the_steps_of_an_interrupted_run_that_differ_from_its_checkpoint_are_named(tmp_path):
    recipe = tiny_recipe(checkpoint=Checkpoint(every=4), report=Report(log_every=1, draw_every=5))
    folder = new_run(tmp_path, recipe)
    train_and_kill(folder, 6)
    (remark,) = [remark for remark in report_of_run(folder).remarks if "not all" in remark.lower()]
    assert_names(remark, "the curves end at step 6", "pictures are of step 5", "deletes")
    assert_names(remarks_of(folder), "after step 6 of 12", "checkpoint of step 4")
    with folder.locked():
        report = report_of_run(folder)
    assert report.state is RunState.RUNNING and not any("not all" in remark.lower() for remark in report.remarks)
    train_on(folder)
    assert "not all" not in remarks_of(folder).lower()


def interrupted() -> None:
    raise KeyboardInterrupt


def terminated() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("stop", [interrupted, terminated], ids=["Ctrl-C", "SIGTERM"])
def test_a_run_that_is_stopped_before_its_first_step_writes_its_page(tmp_path, monkeypatch, stop):
    folder = new_run(tmp_path, tiny_recipe())
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(LiveRun, "open", lambda *_: stop())
        train_on(folder)
    page = folder.report.read_text(encoding="utf-8")
    assert "<dd>not started</dd>" in page and "genkit resume" in page
    assert report_of_run(folder).state is RunState.NOT_STARTED
    train_on(folder)
    assert "<dd>finished</dd>" in folder.report.read_text(encoding="utf-8")


def test_the_command_that_starts_processes_writes_the_page_that_they_could_not(tmp_path):
    folder = new_run(tmp_path, tiny_recipe())
    assert write_absent_report(folder)
    assert "<dd>not started</dd>" in folder.report.read_text(encoding="utf-8")
    folder.report.write_text("written by the main process")
    assert not write_absent_report(folder)
    assert folder.report.read_text() == "written by the main process"


ENDS = {"killed": "", "silent": f"import os, signal; signal.signal(signal.SIGTERM, lambda *_: os._exit({UNSAID}))"}


@pytest.mark.parametrize("steps", [0, 6])
@pytest.mark.parametrize("how", ENDS)
def test_processes_that_are_stopped_while_they_start_leave_a_page_and_the_next_command(
    tmp_path, monkeypatch, how, steps
):
    folder = new_run(tmp_path, tiny_recipe(checkpoint=Checkpoint(every=4)))
    if steps:
        train_and_kill(folder, steps)
        assert folder.report.exists()
    asleep = f"{ENDS[how]}\nprint(flush=True)\nimport time; time.sleep(900)"
    started = []

    def start(*arguments, **options):
        started.append(subprocess.Popen([sys.executable, "-c", asleep], stdout=subprocess.PIPE))
        started[-1].stdout.readline()
        if len(started) == 2:
            terminated()
        return started[-1]

    monkeypatch.setattr(launch, "start_genkit", start)
    with pytest.raises(Interrupted) as stopped:
        launch.train_on_processes(folder, 2, 1, 0, json=False, quiet=True)
    assert_names(stopped.value, "step 4" if steps else "first step", f"genkit resume {folder.path} --processes 2")
    assert ("<dd>not started</dd>" in folder.report.read_text(encoding="utf-8")) == (steps == 0)
    assert [process.returncode for process in started] == [UNSAID if how == "silent" else -signal.SIGTERM] * 2


@pytest.mark.parametrize("steps", [5, 6])
def test_a_phase_that_never_runs_is_named_at_the_top(steps, tmp_path, monkeypatch):
    monkeypatch.delenv("GENKIT_PLUGINS")
    tables = tomllib.loads(TINY) | {"loss": {"use": "soft-introvae", "warmup_steps": 5}}
    plan = make_plan(tables, overrides=[f"train.steps={steps}"])
    folder = RunFolder.create(tmp_path, plan.document, dict(plan.resolved))
    named = [line for line in report_of_run(folder).remarks if '"encoder"' in line and "warmup_steps below 5" in line]
    assert len(named) == (steps == 5)
    folder.resolved.write_text(folder.resolved.read_text().replace('"soft-introvae"', '"absent-loss"'))
    assert '"encoder"' not in remarks_of(folder) and "absent-loss" not in remarks_of(folder)
