"""A run that was killed anywhere and resumed is bit-equal with one that never was, and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from support.commands import genkit, genkit_process
from support.tiny_parts import registry_with
from support.tiny_recipes import assert_same_bits, tiny_recipe

from genkit.engine.distributed import World
from genkit.errors import Diverged, Interrupted, RunError, UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.run_folder import RunFolder
from genkit.runs.train import run

RECIPE = tiny_recipe(
    checkpoint=Checkpoint(every=4, keep=2), report=Report(log_every=2, draw_every=6, strip_steps=(3, 7, 10))
)


class Killed(Exception):
    """Stands for a death that nothing could prepare for."""


class Progress:
    def __init__(self, die_at: int | None = None):
        self.die_at = die_at

    def update(self, step, line):
        if step == self.die_at:
            raise Killed

    def evaluated(self, step, results):
        pass


def start(tmp_path: Path) -> RunFolder:
    plan = make_plan(RECIPE, registry=registry_with())
    return RunFolder.create(tmp_path / "runs", plan.document, dict(plan.resolved))


def go_on(folder: RunFolder, die_at: int | None = None) -> None:
    plan = make_plan(folder.resolved, registry=registry_with())
    run(plan, folder, World(), Progress(die_at))


def everything(folder: RunFolder) -> dict[str, torch.Tensor]:
    return load_file(folder.checkpoint(folder.saved_steps()[-1]) / "state.safetensors")


def pictures(folder: RunFolder) -> dict[str, bytes]:
    drawn = [path for place in (folder.samples, folder.strip, folder.figures) for path in place.iterdir()]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in drawn}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> RunFolder:
    folder = start(tmp_path_factory.mktemp("unbroken"))
    go_on(folder)
    return folder


def assert_same_run(a: RunFolder, b: RunFolder) -> None:
    assert_same_bits(everything(a), everything(b))
    assert a.metrics.read_bytes() == b.metrics.read_bytes()
    assert pictures(a) == pictures(b)
    for name in ("model.safetensors", "ema.safetensors", "recipe.toml"):
        assert (a.final / name).read_bytes() == (b.final / name).read_bytes()


@pytest.mark.parametrize("step", range(1, 13))
def test_a_run_killed_after_any_step_resumes_to_the_same_bits(tmp_path, unbroken, step):
    folder = start(tmp_path)
    with pytest.raises(Killed):
        go_on(folder, die_at=step)
    go_on(folder)
    assert_same_run(folder, unbroken)


def test_a_run_killed_again_and_again_still_ends_the_same(tmp_path, unbroken):
    folder = start(tmp_path)
    for step in (3, 6, 5, 11, 9):
        with pytest.raises(Killed):
            go_on(folder, die_at=step)
    go_on(folder)
    assert_same_run(folder, unbroken)


@pytest.mark.parametrize("step", [0, 6, 8])
def test_data_that_fail_on_the_way_cost_no_step(tmp_path, unbroken, step):
    folder = start(tmp_path)
    plan = make_plan(folder.resolved, registry=registry_with())

    class Failing(type(plan.data)):
        def batch(self, indices, noise):
            if noise.step == step and noise.source == "data":
                raise UsageError("[data] a disk that is no longer there.")
            return plan.data.batch(indices, noise)

    failed = UsageError if step == 0 else RunError
    with pytest.raises(failed, match="no longer there") as caught:
        run(replace(plan, data=Failing()), folder, World(), Progress())
    if step:
        assert f"stopped after step {step} of 12, and saved" in str(caught.value)
        assert folder.saved_steps()[-1] == step
    go_on(folder)
    assert_same_run(folder, unbroken)


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_death_within_a_save_leaves_the_checkpoint_before_it(tmp_path, unbroken, monkeypatch, call):
    folder, calls = start(tmp_path), 0

    def replace_and_die(source, target):
        nonlocal calls
        saving = Path(target).parent == folder.checkpoints
        calls += saving
        if saving and calls == call:
            raise Killed
        os.rename(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("genkit.runs.checkpoint.os.replace", replace_and_die)
        with pytest.raises(Killed):
            go_on(folder)
    assert folder.saved_steps() == [4, 8, 12][: call - 1]
    go_on(folder)
    assert_same_run(folder, unbroken)


def test_a_line_that_was_cut_short_is_written_again(tmp_path, unbroken):
    folder = start(tmp_path)
    with pytest.raises(Killed):
        go_on(folder, die_at=6)
    with folder.metrics.open("a") as file:
        file.write('{"step": 8, "t"')
    go_on(folder)
    assert folder.metrics.read_bytes() == unbroken.metrics.read_bytes()


def test_the_strip_holds_the_steps_that_the_recipe_names(unbroken):
    assert sorted(path.name for path in unbroken.strip.iterdir()) == [
        "step-00000003.npy", "step-00000007.npy", "step-00000010.npy"
    ]  # fmt: skip


def test_only_the_newest_checkpoints_are_kept(unbroken):
    assert unbroken.saved_steps() == [8, 12]


def test_nothing_in_the_metrics_depends_on_the_clock(unbroken):
    lines = [json.loads(line) for line in unbroken.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 8, 10, 12]
    assert set(lines[-1]) == {
        "step", "t", "encoder/statistic", "encoder/total", "decoder/fake", "decoder/total",
        "schedule/weight", "lr/encoder", "lr/decoder"
    }  # fmt: skip


@pytest.mark.parametrize("harm", ["cut", "flip", "about"])
def test_a_damaged_checkpoint_is_named_with_its_remedy_and_nothing_is_lost(tmp_path, unbroken, harm):
    folder = start(tmp_path)
    with pytest.raises(Killed):
        go_on(folder, die_at=9)
    broken = folder.checkpoint(8)
    content = bytearray((broken / "state.safetensors").read_bytes())
    if harm == "cut":
        (broken / "state.safetensors").write_bytes(content[:-10])
    elif harm == "flip":
        content[-5] ^= 1
        (broken / "state.safetensors").write_bytes(content)
    else:
        (broken / "state.json").write_text('{"step": 8')
    with pytest.raises(UsageError, match=r"step-00000008.*Delete .*step-00000008: a resume then goes on from"):
        go_on(folder)
    for path in broken.iterdir():
        path.unlink()
    broken.rmdir()
    go_on(folder)
    assert_same_run(folder, unbroken)


def test_a_run_in_use_is_refused(tmp_path):
    folder = start(tmp_path)
    with (
        folder.locked(),
        pytest.raises(UsageError, match="in use by another process"),
        RunFolder.open(folder.path).locked(),
    ):
        pass


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(UsageError, match="is no run folder"):
        RunFolder.open(tmp_path)
    with pytest.raises(UsageError, match="is not there"):
        RunFolder.open(tmp_path / "none")


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
    with pytest.raises(Diverged, match=r'phase "encoder", term "total", first at step 7\.'):
        run(plan, folder, World(), Progress())
    assert folder.saved_steps() == [5]
    assert all(torch.isfinite(tensor).all() for tensor in everything(folder).values())


def test_a_run_from_python_is_the_run_of_the_command(tmp_path, monkeypatch, unbroken):
    import genkit

    monkeypatch.setattr("genkit.recipe.plan.load_registry", registry_with)
    folder = genkit.train(RECIPE, tmp_path)
    assert_same_run(folder, unbroken)


def test_a_run_in_a_thread_trains_without_listening_to_signals(tmp_path, unbroken):
    folder = start(tmp_path)
    thread = threading.Thread(target=go_on, args=(folder,))
    thread.start()
    thread.join(60)
    assert_same_run(folder, unbroken)


def test_a_warm_start_takes_the_weights_of_another_run(tmp_path, unbroken):
    recipe = tiny_recipe(train=Train(steps=1, batch_size=8, warm_start=unbroken.path, warm_start_weights="ema"))
    from genkit.engine.state import initial_state

    state = initial_state(make_plan(recipe, registry=registry_with()), World())
    assert_same_bits(state.model.state_dict(), load_file(unbroken.final / "ema.safetensors"))


COMMAND = [sys.executable, "-m", "genkit"]
REAL = Path(__file__).parents[1] / "support" / "resume.toml"


def start_in_background(cwd: Path) -> tuple[subprocess.Popen, Path]:
    process = subprocess.Popen(
        [*COMMAND, "run", str(REAL)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    metrics = cwd / "runs" / "0001-resume-s0" / "metrics.jsonl"
    until = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") >= 7):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until
        time.sleep(0.01)
    return process, metrics.parent


@pytest.fixture(scope="module")
def real_run(tmp_path_factory) -> Path:
    cwd = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(cwd)
        assert genkit("run", REAL, "--quiet").code == 0
    return cwd / "runs" / "0001-resume-s0"


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_command_killed_by_a_signal_resumes_to_the_same_bits(tmp_path, real_run, number):
    process, folder = start_in_background(tmp_path)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert "Go on with: genkit resume runs/0001-resume-s0" in told
    done = genkit_process("resume", "runs/0001-resume-s0", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_run(RunFolder.open(folder), RunFolder.open(real_run))
    assert Interrupted.exit_code == 130
