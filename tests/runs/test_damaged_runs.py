"""Runs whose files are damaged, hidden or unreadable: a `UsageError` before anything is changed, never a traceback."""

import errno
import json
import os
from pathlib import Path

import pytest
from support.kill_and_resume import new_run
from support.messages import assert_names
from support.permissions import without_access
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

from genkit.engine.distributed import World
from genkit.errors import Unreadable, UsageError
from genkit.recipe.plan import make_plan
from genkit.runs.comparison.compare import compare
from genkit.runs.on_disk.early_end import EarlyEnd, save_early_end
from genkit.runs.on_disk.model_facts import step_of
from genkit.runs.on_disk.results import read_results
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.saved_model import facts_of
from genkit.runs.training import checkpoint
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.live_run import LiveRun
from genkit.runs.training.resume_remarks import lost_lines, resume_remarks
from genkit.storage.weights import read_weights, write_model_folder

DEEP = "[" * 50_000


@pytest.fixture(scope="module")
def plan():
    return make_plan(tiny_recipe(), registry=registry_with())


@pytest.fixture
def folder(tmp_path, plan) -> RunFolder:
    """Return a run that was stopped after step 4, with one evaluation and a best step after it; nothing is trained."""
    run = LiveRun.open(plan, new_run(tmp_path, tiny_recipe()), World())
    run.state.step = 4
    checkpoint.save(run.state, run.folder.checkpoint(4))
    for step in (2, 4, 6):
        run.folder.append({"step": step})
    run.folder.evaluations.append({"step": 4, "results": []})
    write_model_folder(run.folder.best, run.state.model, None, {"step": 6, "data_shape": [4]})
    return run.folder


def content_of(folder: RunFolder) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.path.rglob("*")) if path.is_file()}


def refused(call) -> UsageError:
    with pytest.raises(UsageError) as caught:
        call()
    return caught.value


def open_run(plan, folder: RunFolder) -> LiveRun:
    return LiveRun.open(plan, folder, World())


@pytest.mark.parametrize("hidden", ["permission", "file", "link"])
def test_a_run_whose_checkpoints_cannot_be_listed_is_not_started_again(plan, folder, tmp_path, monkeypatch, hidden):
    before = content_of(folder)
    with monkeypatch.context() as patched:
        if hidden == "permission":
            without_access(patched, folder.checkpoints)
        else:
            folder.checkpoints.rename(tmp_path / "aside")
            if hidden == "file":
                folder.checkpoints.touch()
            else:
                folder.checkpoints.symlink_to(tmp_path / "unmounted")
        error = refused(lambda: open_run(plan, folder))
    assert isinstance(error, Unreadable)
    assert_names(error, f"{folder.checkpoints}: cannot be read")
    if hidden != "permission":
        folder.checkpoints.unlink()
        (tmp_path / "aside").rename(folder.checkpoints)
    assert content_of(folder) == before
    open_run(plan, folder)
    assert content_of(folder) != before  # what is later than the checkpoint


@pytest.mark.parametrize("name", ["samples", "strip", "best"])
def test_a_folder_of_later_steps_that_cannot_be_read_is_refused(plan, folder, monkeypatch, name):
    (folder.path / name).mkdir(exist_ok=True)
    with monkeypatch.context() as patched:
        without_access(patched, folder.path / name)
        assert_names(refused(lambda: open_run(plan, folder)), f"{folder.path / name}", "cannot be read")


READERS = {
    "metrics.jsonl": lambda folder: folder.lines(),
    "evaluations.jsonl": evaluations_of,
    "results.json": lambda folder: read_results(folder.results),
    "best/about.json": lambda folder: facts_of(folder.best),
    "best/model.safetensors": lambda folder: read_weights(folder.best, "raw"),
    "checkpoints/step-00000004/state.json": lambda folder: checkpoint.read(folder.checkpoint(4)),
    "checkpoints/step-00000004/state.safetensors": lambda folder: checkpoint.read(folder.checkpoint(4)),
    "strip/step-00000004.npy": lambda folder: _strip(folder),
}


def _strip(folder: RunFolder) -> None:
    from genkit.runs.training.stability_strip import save_strip

    save_strip(folder.path / "x.png", {"4": folder.row(4)}, "title", "note")


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_cannot_be_read_is_not_to_be_deleted(folder, monkeypatch, name):
    path = folder.path / name
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with monkeypatch.context() as patched:
        without_access(patched, path)
        error = refused(lambda: READERS[name](folder))
    assert_names(error, f"{path}: cannot be read: Permission denied")
    assert "elete" not in str(error)


@pytest.mark.parametrize("name", ["metrics.jsonl", "evaluations.jsonl"])
@pytest.mark.parametrize(
    "content",
    ['{"step": true}', '{"step": -1}', '{"step": 3.5}', "[]", "null", DEEP, '{"step": 4}\n{"step": 2}',
     '{"step": 2}\n{"step": 2}'],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_log_is_refused(folder, name, content):
    path = folder.path / name
    path.write_text(f"{content}\n")
    assert_names(refused(lambda: READERS[name](folder)), f"{path}: damaged", "line", "Delete it")


def test_a_log_that_is_a_folder_is_refused(plan, folder):
    folder.metrics.unlink()
    folder.metrics.mkdir()
    assert_names(refused(lambda: open_run(plan, folder)), f"{folder.metrics}: cannot be read")


@pytest.mark.parametrize("results", ["[{}]", "{}", "3", "[3]", '["x"]', "null"])
def test_damaged_results_are_refused(folder, results):
    folder.evaluations.path.write_text(f'{{"step": 4, "results": {results}}}\n')
    assert_names(refused(lambda: evaluations_of(folder)), f"{folder.evaluations.path}: damaged")
    folder.results.write_text(results)
    assert_names(refused(lambda: read_results(folder.results)), f"{folder.results}: damaged")


STATES = ["[]", "null", "{}", DEEP, "", *({"step": step} for step in ("x", 3.5, -1, True, None)), {"data": "x"},
          {"scaler": 3}, {"sha256": 5}]  # fmt: skip


@pytest.mark.parametrize("content", ["", "{}", '{"step": -1, "reason": ""}', '{"step": 4, "reason": 3}', DEEP])
def test_a_damaged_record_of_an_early_end_is_refused(plan, folder, content):
    folder.stopped.write_text(content)
    assert_names(refused(lambda: open_run(plan, folder)), folder.stopped, "damaged", "Delete it")


@pytest.mark.parametrize(("step", "kept"), [(4, True), (5, False)])
def test_a_record_of_an_early_end_after_the_checkpoint_is_deleted(plan, folder, step, kept):
    save_early_end(folder, EarlyEnd(step, "that will do"))
    open_run(plan, folder)
    assert folder.stopped.exists() is kept


@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_damaged_facts_of_a_checkpoint_are_refused(plan, folder, state):
    path = folder.checkpoint(4) / "state.json"
    text = state if isinstance(state, str) else json.dumps({**json.loads(path.read_text()), **state})
    path.write_text(text)
    before = content_of(folder)
    for call in (lambda: open_run(plan, folder), lambda: checkpoint.changed_environment(path.parent)):
        assert_names(refused(call), f"{path}: damaged", f"Delete {path.parent}")
    assert content_of(folder) == before


@pytest.mark.parametrize("facts", [{"sha256": "x"}, {"sha256": []}, {"data_shape": ["x"]}, {"data_shape": 4},
                                   {"step": "x"}, DEEP])  # fmt: skip
def test_damaged_facts_of_a_model_folder_are_refused(folder, facts):
    path = folder.best / "about.json"
    text = facts if isinstance(facts, str) else json.dumps({**json.loads(path.read_text()), **facts})
    path.write_text(text)
    assert_names(refused(lambda: facts_of(folder.best)), f"{folder.best}", "about.json")
    if "sha256" in facts or facts is DEEP:
        assert_names(refused(lambda: read_weights(folder.best, "raw")), f"{folder.best}")
    if "step" in facts or facts is DEEP:
        assert step_of(folder.best) is None


def test_an_incomplete_last_line_may_be_cut_within_a_character(plan, folder):
    with folder.metrics.open("ab") as file:
        file.write('{"step": 8, "ä'.encode()[:-1])
    assert [line["step"] for line in folder.lines()] == [2, 4, 6]
    open_run(plan, folder)
    assert folder.metrics.read_bytes() == b'{"step": 2}\n{"step": 4}\n'


@pytest.mark.parametrize("lost", ["metrics.jsonl", "evaluations.jsonl"])
@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "cut"])
def test_lost_lines_of_a_log_are_reported(plan, folder, lost, deleted):
    run = open_run(plan, folder)
    checkpoint.save(run.state, folder.checkpoint(4), {"lines": {"metrics.jsonl": 2, "evaluations.jsonl": 1}})
    assert resume_remarks(folder, plan) == []
    path = folder.path / lost
    path.unlink() if deleted else path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    (remark,) = resume_remarks(folder, plan)
    assert_names(remark, f"{path}: has ", "of the", "up to step 4", "lost")
    assert lost_lines(folder) == [remark]
    assert f"{remark}." in compare([folder.path, new_run(folder.path, tiny_recipe()).path]).remarks


def test_another_version_of_a_plugin_is_reported(plan, folder):
    loss = plan.parts["loss",]
    assert loss.owner.plugin != "genkit"
    run = open_run(plan, folder)
    for version, expected in (("0.0.1", 1), (loss.owner.version, 0)):
        lines = [f"loss: {loss.entry.name} ({loss.owner.distribution} {version})", "ema: x (genkit-torch 0.0.1)"]
        checkpoint.save(run.state, folder.checkpoint(4), {"parts": lines})
        remarks = resume_remarks(folder, plan)
        assert len(remarks) == expected
        if expected:
            assert_names(remarks[0], "bits", f"{loss.owner.distribution} 0.0.1 then", str(loss.owner))


@pytest.mark.parametrize(("then", "said"), [({"compile": True}, 1), ({"compile": False}, 0), ({}, 0)])
def test_another_compilation_is_reported(then, said, plan, folder):
    run = open_run(plan, folder)
    checkpoint.save(run.state, folder.checkpoint(4), {"recipe": {"train": then}})
    remarks = resume_remarks(folder, plan)
    assert len(remarks) == said
    for remark in remarks:
        assert_names(remark, "bits", "[train] compile true then, false now")


def test_the_last_checkpoint_is_not_deleted_without_saying_what_follows(folder):
    (folder.checkpoint(4) / "state.json").write_text("")
    assert_names(refused(lambda: checkpoint.read(folder.checkpoint(4))), f"Delete {folder.checkpoint(4)}", "step 0")
    folder.checkpoint(2).mkdir()
    assert_names(refused(lambda: checkpoint.read(folder.checkpoint(4))), "previous checkpoint")


def test_what_a_killed_process_left_is_swept_when_a_run_is_opened(folder):
    plan = make_plan(tiny_recipe(), overrides=["checkpoint.keep=2"], registry=registry_with())
    for step in (1, 2, 3):
        folder.checkpoint(step).mkdir()
    (folder.checkpoints / ".step-00000005.partial").mkdir()
    (folder.checkpoints / "step-notes").mkdir()
    open_run(plan, folder)
    assert sorted(path.name for path in folder.checkpoints.iterdir()) == [
        "step-00000003", "step-00000004", "step-notes"
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "checkpoints", "samples", "final", "metrics.jsonl"])
def test_a_run_without_permission_to_write_is_refused_before_it_is_locked(folder, monkeypatch, name):
    place = folder.path / name
    if not place.exists():
        place.mkdir()
    access = os.access
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != place and access(path, mode))
    before = content_of(folder)
    with pytest.raises(UsageError) as caught, folder.locked():
        pass
    assert_names(caught.value, f"{folder.path}: cannot be written", place)
    assert content_of(folder) == before


def test_a_full_disk_when_a_run_is_opened_is_a_usage_error(plan, folder, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("genkit.storage.jsonl.write_file", full)
    assert_names(refused(lambda: open_run(plan, folder)), f"{folder.metrics}: cannot be written", "disk is full")
