"""Callbacks follow a run in a fixed order, change nothing, and stop it only where they may."""

import json
import os
import shutil
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file
from support.commands import TINY, genkit_process, on_processes, write_recipe
from support.commands import genkit as genkit_command
from support.kill_and_resume import Killed, new_run
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

import genkit
from genkit.core.callback import Callback, StopTraining
from genkit.engine.distributed import World
from genkit.errors import UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Checkpoint, Evaluate, Report, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.evaluate_during_training import evaluations_of
from genkit.runs.training.train import train_in_folder

pytestmark = pytest.mark.trains

RECIPE = tiny_recipe(
    checkpoint=Checkpoint(every=5, keep=9),
    report=Report(log_every=4, draw_every=6, strip_steps=(3,)),
    metrics={"units": Use("active-units", samples=64)},
    evaluate=Evaluate(every=8),
)
EVENTS = ("logged", "drawn", "saved", "stepped", "evaluated", "stopped", "failed", "finished")


class Recorder(Callback):
    """Remembers what it is told."""

    def __init__(self):
        self.events = []

    def started(self, run):
        self.run = run
        self.events.append(("started", run.step))

    def closed(self):
        self.events.append(("closed", self.run.step))


for event in EVENTS:
    setattr(Recorder, event, lambda self, step, *given, event=event: self.events.append((event, step)))


def train_with(folder, *callbacks):
    """Train a run from where it is; return what was reported about callbacks."""
    reports = []
    plan = make_plan(folder.resolved, registry=registry_with())
    train_in_folder(plan, folder, World(), *callbacks, report=reports.append)
    return reports


def content_of(folder: RunFolder, *left_out: str) -> dict[str, bytes]:
    """Return all files of a run but its clock, its lock, and those named."""
    names = {"timing.json", "report.html", ".lock", *left_out}
    files = [path for path in folder.path.rglob("*") if path.is_file() and path.name not in names]
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> RunFolder:
    """Return a run without callbacks from outside."""
    folder = new_run(tmp_path_factory.mktemp("alone"), RECIPE)
    assert train_with(folder) == []
    return folder


def test_a_callback_hears_of_a_step_in_order(tmp_path, alone):
    folder, recorder = new_run(tmp_path, RECIPE), Recorder()
    assert train_with(folder, recorder) == []
    of_step = {step: [event for event, at in recorder.events if at == step] for step in (1, 5, 8, 12)}
    assert recorder.events[:2] == [("started", 0), ("drawn", 0)]
    assert of_step == {
        1: ["stepped"],
        5: ["saved", "stepped"],
        8: ["logged", "saved", "stepped", "evaluated"],
        12: ["logged", "drawn", "saved", "stepped", "evaluated", "finished", "closed"],
    }
    assert content_of(folder) == content_of(alone)


def test_what_a_callback_hears_of_is_on_disk(tmp_path):
    folder, seen = new_run(tmp_path, RECIPE), {}

    class Reader(Callback):
        def started(self, run):
            self.run = run

        def logged(self, step, line):
            seen["logged"] = self.run.lines()[-1] == line and line["step"] == step

        def drawn(self, step, pictures):
            seen["drawn"] = all(path.exists() for path in pictures)

        def saved(self, step, checkpoint):
            seen["saved"] = (checkpoint / "state.json").exists()

        def evaluated(self, step, results):
            seen["evaluated"] = self.run.evaluations()[-1].results == results

        def finished(self, step, results):
            seen["finished"] = (self.run.folder / "final/about.json").exists() and bool(results)

    assert train_with(folder, Reader()) == []
    assert seen == dict.fromkeys(("logged", "drawn", "saved", "evaluated", "finished"), True)


def test_a_callback_cannot_change_the_run(tmp_path, alone):
    class Meddler(Callback):
        def started(self, run):
            self.run = run

        def stepped(self, step):
            for weights in ("raw", "ema"):
                model = self.run.model(weights)
                for tensor in model.state_dict().values():
                    tensor.zero_()
            torch.randn(5)

    folder = new_run(tmp_path, RECIPE)
    assert train_with(folder, Meddler()) == []
    assert content_of(folder) == content_of(alone)


def test_the_model_of_a_view_has_the_weights_of_the_step(tmp_path):
    found = {}

    class Keeper(Callback):
        def started(self, run):
            self.run = run

        def finished(self, step, results):
            found["model"] = self.run.model("raw")

    folder = new_run(tmp_path, RECIPE)
    assert train_with(folder, Keeper()) == []
    expected = load_file(folder.final / "model.safetensors")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found["model"].state_dict().items())
    assert not found["model"].training


def fail():
    raise RuntimeError("out of ideas")


def leave():
    raise SystemExit(0)


def set_dtype():
    torch.set_default_dtype(torch.float64)


def stop_without_permission():
    raise StopTraining("enough")


@pytest.mark.parametrize(
    ("event", "do"),
    [("logged", leave), ("drawn", set_dtype), ("saved", stop_without_permission)]
    + [(event, fail) for event in ("started", "stepped", "evaluated", "finished", "closed")],
)
def test_a_callback_that_fails_is_reported_once_and_dropped(tmp_path, alone, event, do):
    calls = []

    class Failing(Recorder):
        pass

    def failing(self, *given):
        calls.append(given)
        do()

    setattr(Failing, event, failing)
    folder, callback, other = new_run(tmp_path, RECIPE), Failing(), Recorder()
    (report,) = train_with(folder, callback, other)
    assert_names(report, "Failing", f"`{event}`", "goes on without it", "test_callbacks.py, line")
    assert len(calls) == 1
    assert ("finished", 12) in other.events
    assert torch.get_default_dtype() == torch.float32
    assert content_of(folder) == content_of(alone)


def test_a_dropped_callback_is_still_closed(tmp_path):
    class Failing(Recorder):
        def logged(self, step, line):
            fail()

    callback = Failing()
    assert len(train_with(new_run(tmp_path, RECIPE), callback)) == 1
    assert callback.events[-1][0] == "closed" and ("stepped", 4) not in callback.events


def test_callbacks_are_closed_when_the_run_is_killed(tmp_path):
    class Killing(Callback):
        def stepped(self, step):
            raise Killed

    recorder = Recorder()
    with pytest.raises(Killed):
        train_with(new_run(tmp_path, RECIPE), recorder, Killing())
    assert recorder.events[-1] == ("closed", 1)


def test_what_is_no_callback_is_refused_before_the_run(tmp_path):
    with pytest.raises(UsageError) as refused:
        genkit.train(RECIPE, tmp_path / "runs", callbacks=[print])
    assert_names(refused.value, "callbacks", "genkit.Callback")
    assert not (tmp_path / "runs").exists()


class StopAt(Callback):
    """Stops the run in a method, at a step."""

    stops: ClassVar[bool] = True

    def __init__(self, event, at):
        self.at = at
        self.event = event

    def stepped(self, step):
        self.stop_if("stepped", step)

    def evaluated(self, step, results):
        self.stop_if("evaluated", step)

    def stop_if(self, event, step):
        if (event, step) == (self.event, self.at):
            raise StopTraining("that will do")


@pytest.mark.parametrize(("event", "at"), [("stepped", 7), ("stepped", 5), ("evaluated", 8)])
def test_a_callback_that_may_stops_the_run_as_if_the_step_were_the_last(tmp_path, alone, event, at):
    folder, recorder = new_run(tmp_path, RECIPE), Recorder()
    assert train_with(folder, StopAt(event, at), recorder) == []
    stopped = json.loads(folder.stopped.read_text())
    assert stopped["step"] == at and "that will do" in stopped["reason"] and "StopAt" in stopped["reason"]
    assert folder.finished and folder.saved_steps()[-1] == at
    assert json.loads((folder.final / "about.json").read_text())["step"] == at
    assert list(folder.samples.glob(f"step-{at:08d}*.png"))
    assert json.loads(folder.evaluations.path.read_text().splitlines()[-1])["step"] == at
    ends = [event for event, step in recorder.events if step == at]
    assert len(ends) == len(set(ends)), "nothing is made twice"
    assert set(ends) >= {"drawn", "saved", "stepped", "evaluated", "stopped", "finished", "closed"}
    others = content_of(alone)
    for name, content in content_of(folder).items():
        if name.startswith("samples/") and name in others:
            assert content == others[name]
    assert [line["step"] for line in folder.lines()] == list(range(4, at + 1, 4))


@pytest.fixture(scope="module", params=[("stepped", 7), ("evaluated", 8)])
def stopped_run(request, tmp_path_factory):
    """Return where a run stops, and its files."""
    folder = new_run(tmp_path_factory.mktemp("stopped"), RECIPE)
    train_with(folder, StopAt(*request.param))
    return request.param, content_of(folder)


@pytest.mark.parametrize("call", [1, 2, 4, 6])
def test_a_run_that_is_killed_while_it_stops_ends_the_same(tmp_path, monkeypatch, stopped_run, call):
    (event, at), expected = stopped_run
    folder, replace, count = new_run(tmp_path, RECIPE), os.replace, 0

    def replace_or_kill(source, target):
        nonlocal count
        count += folder.stopped.exists() or str(target) == str(folder.stopped)
        if count == call:
            raise Killed
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr("genkit.storage.atomic.os.replace", replace_or_kill)
        with pytest.raises(Killed):
            train_with(folder, StopAt(event, at))
    train_with(folder, StopAt(event, at))
    assert content_of(folder) == expected


def test_a_run_resumed_without_its_callback_stays_stopped(tmp_path):
    class KillAtTheEnd(Callback):
        def stopped(self, step, reason):
            raise Killed

    folder = new_run(tmp_path, RECIPE)
    with pytest.raises(Killed):
        train_with(folder, StopAt("evaluated", 8), KillAtTheEnd())
    assert not folder.finished
    assert train_with(folder) == []
    assert folder.finished and folder.saved_steps()[-1] == 8


def test_a_resume_from_before_the_end_decides_again(tmp_path):
    folder = new_run(tmp_path, RECIPE)

    class KillAtTheEnd(Callback):
        def stopped(self, step, reason):
            raise Killed

    with pytest.raises(Killed):
        train_with(folder, StopAt("stepped", 7), KillAtTheEnd())
    shutil.rmtree(folder.checkpoint(7), ignore_errors=True)
    assert train_with(folder) == []
    assert not folder.stopped.exists() and folder.saved_steps()[-1] == 12


STOPPED_EARLY = (
    TINY.replace("steps = 5", "steps = 40")
    + """
[evaluate]
every = 4

[callbacks.patience]
use = "early-stopping"
metric = "modes"
patience = 2
"""
)


def test_early_stopping_ends_the_run_of_a_command_and_stays_ended(isolated):
    done = genkit_command("run", write_recipe(isolated, STOPPED_EARLY))
    assert done.code == 0, done.err
    folder = RunFolder(isolated / "runs/0001-tiny-s0")
    (stopped,) = (line for line in done.out.splitlines() if line.startswith("stopped "))
    assert_names(stopped, "step 12 of 40", "[callbacks.patience]", "early-stopping", "genkit-torch", "modes")
    assert_names(done.out, "at most 40", "step-00000012")
    again = genkit_command("resume", folder.path)
    assert again.code == 0, again.err
    assert_names(again.out, "already finished, after 12 steps", stopped)
    assert json.loads(genkit_command("resume", folder.path, "--json").out)["stopped"]["step"] == 12
    assert genkit_command("figures", folder.path).code == 0
    evaluated = genkit_command("eval", folder.path, "--json")
    assert evaluated.code == 0, evaluated.err
    assert json.loads(evaluated.out)["results"] == json.loads(folder.results.read_text())


def test_a_resume_refuses_another_rule_of_stopping(isolated):
    assert genkit_command("run", write_recipe(isolated, STOPPED_EARLY), "-q").code == 0
    folder = RunFolder(isolated / "runs/0001-tiny-s0")
    text = folder.resolved.read_text()
    folder.resolved.write_text(text.replace("patience = 2", "patience = 3"))
    for unfinished in (False, True):
        if unfinished:
            (folder.final / "about.json").unlink()
        refused = genkit_command("resume", folder.path, "-q")
        assert refused.code == 2
        assert_names(refused.err, "callbacks.patience.patience 2 -> 3")
    folder.resolved.write_text(text)
    assert genkit_command("resume", folder.path, "-q").code == 0


def test_callbacks_of_one_process_hold_up_no_other(tmp_path):
    on_processes(2, "callbacks_worker.py", tmp_path)
    (path,) = tmp_path.glob("0001-*")
    folder = RunFolder(path)
    assert folder.finished and folder.saved_steps() == [5, 7]
    assert json.loads(folder.stopped.read_text())["step"] == 7


def test_two_processes_stop_after_the_same_step(tmp_path):
    text = STOPPED_EARLY.replace("batch_size = 16", 'batch_size = 8\nprecision = "fp64"')
    done = genkit_process("run", write_recipe(tmp_path, text), "--processes", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = RunFolder(tmp_path / "runs/0001-tiny-s0")
    assert json.loads(folder.stopped.read_text())["step"] == 12 == folder.saved_steps()[-1]
    assert [record.step for record in evaluations_of(folder)] == [4, 8, 12]
