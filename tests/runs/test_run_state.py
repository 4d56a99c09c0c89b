"""The state of a run follows from its lock and its files."""

import shutil
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from support.kill_and_resume import Killed, KillingCallback, new_run, train_and_kill, train_on
from support.messages import assert_names
from support.run_folders import write_run
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.engine.distributed import World
from genkit.errors import Diverged, UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report, Use
from genkit.runs.comparison.compare import compare
from genkit.runs.listing.list_runs import list_runs
from genkit.runs.on_disk.early_end import EarlyEnd, save_early_end
from genkit.runs.on_disk.failure import Failure, failure_of
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.on_disk.run_lock import is_locked
from genkit.runs.on_disk.run_progress import RunProgress
from genkit.runs.on_disk.run_state import RunState, in_words, state_of
from genkit.runs.on_disk.unfinished import way_on
from genkit.runs.training.train import train_in_folder
from genkit.storage.weights import read_weights


def test_the_first_state_that_holds_is_the_state(tmp_path):
    folder = write_run(tmp_path / "run")
    assert state_of(folder) is RunState.NOT_STARTED
    folder.append({"step": 5})
    assert state_of(folder) is RunState.STOPPED
    folder.failed.write_text('{"step": 7, "reason": "the loss is nan"}')
    assert state_of(folder) is RunState.FAILED and failure_of(folder).reason == "the loss is nan"
    folder.final.mkdir()
    assert state_of(folder) is RunState.FAILED  # final/ is not complete without its facts
    (folder.final / "about.json").write_text('{"step": 100}')
    assert state_of(folder) is RunState.FINISHED
    with folder.locked():
        assert state_of(folder) is RunState.RUNNING
    assert state_of(folder) is RunState.FINISHED


def test_a_checkpoint_without_a_line_of_the_log_is_a_start(tmp_path):
    assert state_of(write_run(tmp_path / "run", saved=[3])) is RunState.STOPPED


def test_a_run_whose_last_step_is_saved_and_whose_model_is_missing_is_incomplete(tmp_path):
    folder = write_run(tmp_path / "run", steps=[50, 100], saved=[90])
    assert state_of(folder) is RunState.STOPPED  # a resume trains
    folder.checkpoint(100).mkdir()
    assert state_of(folder) is RunState.INCOMPLETE
    (listed,) = list_runs(folder.path)
    assert (listed.state, listed.step, listed.steps) == (RunState.INCOMPLETE, 100, 100)
    assert_names(listed.reason, "all 100 steps", "final/", "genkit resume")
    shutil.rmtree(folder.checkpoints)
    assert state_of(folder) is RunState.STOPPED
    ended = write_run(tmp_path / "ended", steps=[50], saved=[60])
    assert state_of(ended) is RunState.STOPPED
    save_early_end(ended, EarlyEnd(60, "enough"))
    assert state_of(ended) is RunState.INCOMPLETE


def test_the_words_for_a_state_name_the_step_from_which_a_resume_goes_on():
    stopped = RunProgress(logged=70, saved=50, final=None, steps=100, end=None)
    assert_names(in_words(RunState.STOPPED, stopped, None), "after step 70 of 100", "checkpoint of step 50")
    lost = replace(stopped, logged=100, saved=None)
    assert_names(in_words(RunState.STOPPED, lost, None), "after step 100 of 100", "from step 0", "no checkpoint")
    failed = in_words(RunState.FAILED, stopped, Failure(70, "the loss is nan"))
    assert failed == "the loss is nan" and in_words(RunState.FINISHED, stopped, None) == ""


def test_looking_at_a_lock_neither_takes_nor_makes_it(tmp_path):
    folder = write_run(tmp_path / "run")
    assert not is_locked(folder.path) and not (folder.path / ".lock").exists()
    with folder.locked():
        assert is_locked(folder.path) and is_locked(folder.path)
        with pytest.raises(UsageError), folder.locked():
            pass
        assert is_locked(folder.path)
    assert not is_locked(folder.path)
    with folder.locked():  # nobody holds it
        pass


def test_a_training_waits_for_a_moment_for_those_who_look(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    folder = write_run(tmp_path / "run")
    with (folder.path / ".lock").open("w") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_locked(folder.path)  # two who look do not see each other
        soon = threading.Timer(0.05, fcntl.flock, (looking, fcntl.LOCK_UN))
        soon.start()
        with folder.locked():
            assert is_locked(folder.path)
        soon.join()


@pytest.mark.trains
def test_a_process_that_is_killed_no_longer_runs(tmp_path):
    folder = write_run(tmp_path / "run", steps=[1])
    code = (
        "import sys, time; from pathlib import Path; from genkit.runs.on_disk.run_lock import run_lock\n"
        "with run_lock(Path(sys.argv[1]), ''): print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, folder.path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        assert state_of(folder) is RunState.RUNNING
        process.kill()
        process.wait()
    assert state_of(folder) is RunState.STOPPED


@pytest.mark.trains
def test_a_training_that_fails_says_so_until_it_is_resumed(tmp_path, monkeypatch):
    folder = new_run(tmp_path, tiny_recipe(checkpoint=Checkpoint(every=5), report=Report(log_every=4)))
    with monkeypatch.context() as patched, pytest.raises(OSError, match="no such disk"):
        patched.setattr(RunFolder, "append", refuse)
        train_on(folder)
    assert (state_of(folder), failure_of(folder).step) == (RunState.FAILED, 8)
    assert failure_of(folder).reason == "OSError: no such disk" and failure_of(folder).diverged is False
    assert "genkit resume" in folder.report.read_text(encoding="utf-8")
    train_and_kill(folder, 8)  # which a crash does not record
    assert state_of(folder) is RunState.STOPPED and not folder.failed.exists()
    train_on(folder)
    assert state_of(folder) is RunState.FINISHED


@pytest.mark.trains
def test_a_divergence_is_a_failure(tmp_path):
    weight = {"use": "multistep", "value": 1.0, "milestones": [0.5], "factor": 1e300}
    folder = new_run(tmp_path, tiny_recipe(loss=Use("coupled", weight=weight), report=Report(log_every=1)))
    with pytest.raises(Diverged) as diverged:
        train_in_folder(make_plan(folder.resolved, registry=registry_with()), folder, World(), KillingCallback())
    assert state_of(folder) is RunState.FAILED and failure_of(folder).reason == str(diverged.value)
    assert failure_of(folder).diverged and "genkit resume" not in folder.report.read_text(encoding="utf-8")


def test_a_damaged_record_of_a_failure_is_refused(tmp_path):
    folder = write_run(tmp_path / "run")
    folder.failed.write_text("[]")
    with pytest.raises(UsageError, match=r"failed\.json: damaged"):
        failure_of(folder)


def refuse(folder, line):
    if line["step"] == 8:
        raise OSError("no such disk")
    folder.step_log.append(line)


def test_a_run_is_continued_only_if_a_resume_can_do_it(tmp_path):
    folder = write_run(tmp_path / "a run", steps=[5])
    assert way_on(folder) == f"Continue it with `genkit resume '{folder.path}'`."
    with folder.locked():
        assert "wait" in way_on(folder) and "genkit resume" not in way_on(folder)
    folder.failed.write_text('{"step": 7, "reason": "the loss is nan."}')
    assert_names(way_on(folder), "failed after step 7: the loss is nan. ", f"`genkit run '{folder.resolved}'", "resume")
    folder.failed.write_text('{"step": 7, "reason": "the loss is nan.", "diverged": true}')
    assert "genkit run" in way_on(folder) and "genkit resume" not in way_on(folder)
    folder.failed.write_text('{"step": 7, "reason": "the disk is full", "diverged": false}')
    assert "genkit run" not in way_on(folder) and "genkit resume" in way_on(folder)
    with folder.locked():  # a resume deletes failed.json only when it begins
        assert "wait" in way_on(folder) and "failed" not in way_on(folder)


def test_a_comparison_names_the_state_and_the_step_of_a_list_of_runs(tmp_path):
    logged = write_run(tmp_path / "logged", steps=[30, 60], saved=[50])
    saved = write_run(tmp_path / "saved", steps=[30, 60], saved=[70])
    failed = write_run(tmp_path / "failed")
    failed.failed.write_text('{"step": 0, "reason": "the loss is nan"}')
    new = write_run(tmp_path / "new")
    runs = compare([folder.path for folder in (logged, saved, failed, new)])
    with logged.locked():
        progress = [run.progress for run in runs.runs]
        assert progress == [
            "running, step 60, 60% of the run, checkpoint at step 50",
            "stopped, step 70, 70% of the run, checkpoint at step 70",
            "failed, no step logged or saved",
            "not started",
        ]
        for run in runs.runs:
            (listed,) = list_runs(run.folder.path)
            assert run.progress.startswith(listed.state) and (not listed.step or f"step {listed.step}," in run.progress)
        assert [run["state"] for run in runs.as_dict()["runs"]] == ["running", "stopped", "failed", "not started"]
        of_logged, of_saved, of_failed, _ = (remark for remark in runs.remarks if "not finished" in remark)
        assert "wait" in of_logged and "genkit resume" in of_saved and "the loss is nan" in of_failed


@pytest.mark.trains
def test_the_model_folder_of_a_run_is_whole_or_absent(tmp_path, monkeypatch):
    folder = new_run(tmp_path, tiny_recipe())
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr("genkit.storage.weights.write_json", killed)  # weights are written, and the facts are not
        train_on(folder)
    assert not folder.final.exists() and state_of(folder) is RunState.INCOMPLETE
    folder.final.mkdir()
    (folder.final / "model.safetensors").write_bytes(b"half of the weights")
    train_on(folder)
    assert state_of(folder) is RunState.FINISHED and not list(folder.path.glob(".final*"))
    assert read_weights(folder.final, "raw")  # checked against the digests of the facts


def killed(*_):
    raise Killed
