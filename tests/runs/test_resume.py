"""A run that is killed at any step and resumed equals an uninterrupted run to the bit."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.commands import genkit, genkit_process
from support.kill_and_resume import Killed, KillingCallback, new_run, train_and_kill, train_on
from support.messages import assert_names
from support.quick_pictures import draw_as_users_do
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe

from genkit.engine.distributed import World
from genkit.errors import Diverged, Interrupted, RunError, UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder

pytestmark = pytest.mark.trains

RECIPE = tiny_recipe(
    checkpoint=Checkpoint(every=4, keep=2), report=Report(log_every=2, draw_every=6, strip_steps=(3, 7, 10))
)


def start(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path, RECIPE)


def checkpointed(folder: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoint(folder.saved_steps()[-1]) / "state.safetensors")


def pictures(folder: RunFolder) -> dict[str, bytes]:
    drawn = [path for place in (folder.samples, folder.strip, folder.figures) for path in place.iterdir()]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in drawn}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> RunFolder:
    folder = start(tmp_path_factory.mktemp("uninterrupted"))
    train_on(folder)
    return folder


def assert_same_run(a: RunFolder, b: RunFolder) -> None:
    assert_same_bits(checkpointed(a), checkpointed(b))
    assert a.metrics.read_bytes() == b.metrics.read_bytes()
    assert pictures(a) == pictures(b)
    for name in ("model.safetensors", "ema.safetensors", "recipe.toml"):
        assert (a.final / name).read_bytes() == (b.final / name).read_bytes()


@pytest.mark.parametrize("step", range(1, 13))
def test_a_run_killed_after_any_step_resumes_to_the_same_bits(tmp_path, uninterrupted, step):
    folder = start(tmp_path)
    train_and_kill(folder, step)
    train_on(folder)
    assert_same_run(folder, uninterrupted)


def test_a_run_killed_several_times_resumes_to_the_same_bits(tmp_path, uninterrupted):
    folder = start(tmp_path)
    train_and_kill(folder, 3, 6, 5, 11, 9)
    train_on(folder)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("step", [0, 6, 8])
def test_a_data_error_during_training_loses_no_step(tmp_path, uninterrupted, step):
    folder = start(tmp_path)
    plan = make_plan(folder.resolved, registry=registry_with())

    class Failing(type(plan.data)):
        def batch(self, indices, noise):
            if noise.step == step and noise.source == "data":
                raise UsageError("[data] the disk was removed")
            return plan.data.batch(indices, noise)

    failed = UsageError if step == 0 else RunError
    with pytest.raises(failed, match="the disk was removed") as caught:
        train_in_folder(replace(plan, data=Failing()), folder, World(), KillingCallback())
    if step:
        assert_names(caught.value, f"step {step} of 12", "saved")
        assert folder.saved_steps()[-1] == step
    train_on(folder)
    assert_same_run(folder, uninterrupted)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_crash_while_saving_leaves_the_previous_checkpoint(tmp_path, uninterrupted, monkeypatch, call):
    folder, calls, rename = start(tmp_path), 0, os.rename

    def crash_instead(source, target):
        nonlocal calls
        saving = Path(target).parent == folder.checkpoints
        calls += saving
        if saving and calls == call:
            raise Killed
        rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("genkit.storage.atomic.os.rename", crash_instead)
        with pytest.raises(Killed):
            train_on(folder)
    assert folder.saved_steps() == [4, 8, 12][: call - 1]
    train_on(folder)
    assert_same_run(folder, uninterrupted)


def test_an_incomplete_last_line_is_written_again(tmp_path, uninterrupted):
    folder = start(tmp_path)
    train_and_kill(folder, 6)
    with folder.metrics.open("a") as file:
        file.write('{"step": 8, "t"')
    train_on(folder)
    assert folder.metrics.read_bytes() == uninterrupted.metrics.read_bytes()


def test_the_stability_strip_has_the_steps_of_the_recipe(uninterrupted):
    assert sorted(path.name for path in uninterrupted.strip.iterdir()) == [
        "step-00000003.npy", "step-00000007.npy", "step-00000010.npy"
    ]  # fmt: skip


def test_only_the_newest_checkpoints_are_kept(uninterrupted):
    assert uninterrupted.saved_steps() == [8, 12]


def test_nothing_in_the_metrics_depends_on_the_clock(uninterrupted):
    lines = [json.loads(line) for line in uninterrupted.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    assert set(lines[-1]) == {
        "step", "t", "encoder/statistic", "encoder/total", "decoder/fake", "decoder/total",
        "schedule/weight", "lr/encoder", "lr/decoder"
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["cut", "flip", "about"])
def test_a_damaged_checkpoint_is_named_and_an_earlier_one_resumes(tmp_path, uninterrupted, harm):
    folder = start(tmp_path)
    train_and_kill(folder, 9)
    broken = folder.checkpoint(8)
    content = bytearray((broken / "state.safetensors").read_bytes())
    if harm == "cut":
        (broken / "state.safetensors").write_bytes(content[:-10])
    elif harm == "flip":
        content[-5] ^= 1
        (broken / "state.safetensors").write_bytes(content)
    else:
        (broken / "state.json").write_text('{"step": 8')
    with pytest.raises(UsageError) as caught:
        train_on(folder)
    assert_names(caught.value, f"Delete {broken}", "resume")
    for path in broken.iterdir():
        path.unlink()
    broken.rmdir()
    train_on(folder)
    assert_same_run(folder, uninterrupted)


def test_a_run_in_use_is_refused(tmp_path):
    folder = start(tmp_path)
    with (
        folder.locked(),
        pytest.raises(UsageError, match=folder.path.name),
        RunFolder.open(folder.path).locked(),
    ):
        pass


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(UsageError) as caught:
        RunFolder.open(tmp_path)
    assert_names(caught.value, tmp_path, "recipe.resolved.toml", "genkit run RECIPE")
    with pytest.raises(UsageError) as caught:
        RunFolder.open(tmp_path / "none")
    assert_names(caught.value, tmp_path / "none", "genkit run RECIPE")


def test_run_folders_are_numbered(tmp_path):
    names = [start(tmp_path).path.name for _ in range(3)]
    assert names == ["0001-tiny-s3", "0002-tiny-s3", "0003-tiny-s3"]


@pytest.mark.parametrize("log_every", [1, 4])
def test_a_loss_that_is_not_finite_is_named_and_never_saved(tmp_path, log_every):
    recipe = tiny_recipe(
        loss=Use("coupled", weight={"use": "multistep", "value": 1.0, "milestones": [0.5], "factor": 1e300}),
        checkpoint=Checkpoint(every=5),
        report=Report(log_every=log_every),
    )
    plan = make_plan(recipe, registry=registry_with())
    folder = RunFolder.create(tmp_path, plan.document, dict(plan.resolved))
    with pytest.raises(Diverged, match='phase "encoder", term "total".* step 7'):
        train_in_folder(plan, folder, World(), KillingCallback())
    assert folder.saved_steps() == [5]
    assert all(torch.isfinite(tensor).all() for tensor in checkpointed(folder).values())


def test_a_run_from_python_is_the_run_of_the_command(tmp_path, monkeypatch, uninterrupted):
    import genkit

    monkeypatch.setattr("genkit.recipe.plan.load_registry", registry_with)
    folder = RunFolder(genkit.train(RECIPE, tmp_path).path)
    assert_same_run(folder, uninterrupted)


def test_a_run_in_a_thread_ignores_signals(tmp_path, uninterrupted):
    folder = start(tmp_path)
    thread = threading.Thread(target=train_on, args=(folder,))
    thread.start()
    thread.join(900)
    assert_same_run(folder, uninterrupted)


def test_a_warm_start_takes_the_weights_of_another_run(tmp_path, uninterrupted):
    recipe = tiny_recipe(train=Train(steps=1, batch_size=8, warm_start=uninterrupted.path, warm_start_weights="ema"))
    from genkit.engine.state import initial_state

    state = initial_state(make_plan(recipe, registry=registry_with()), World())
    assert_same_bits(state.model.state_dict(), load_file(uninterrupted.final / "ema.safetensors"))


COMMAND = [sys.executable, "-m", "genkit"]
REAL = Path(__file__).parents[1] / "support" / "resume.toml"


@pytest.fixture
def real_run(tmp_path, monkeypatch, holding) -> Path:
    """Return the folder of a run that nothing has stopped."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "resume.toml").write_text(REAL.read_text() + holding.at(150))
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path / "whole")
        draw_as_users_do(patch)
        assert genkit("run", "../resume.toml", "--quiet").code == 0
    return tmp_path / "whole/runs/0001-resume-s0"


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_command_killed_by_a_signal_resumes_to_the_same_bits(tmp_path, real_run, holding, number):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    holding.begin()
    process = subprocess.Popen([*COMMAND, "run", "resume.toml"], cwd=tmp_path, **pipes)
    assert holding.wait(process) == process.pid
    process.send_signal(number)
    _, errors = process.communicate(timeout=900)
    folder = tmp_path / "runs/0001-resume-s0"
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert_names(errors, "genkit resume runs/0001-resume-s0")
    done = genkit_process("resume", "runs/0001-resume-s0", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_run(RunFolder.open(folder), RunFolder.open(real_run))
    assert Interrupted.exit_code == 130
