"""The input pipeline: the same bits with and without workers, and what is said of a worker that fails."""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.author_mistakes import PLUGIN, MistakenPlugin
from support.commands import on_processes
from support.messages import assert_names
from support.pictures import noise_picture, write_folder
from support.tiny_parts import Numbered, registry_with
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_recipe, train_all

from genkit.api import Noise, Raw, Rows, Samples, batch_in_two_steps
from genkit.core.batch import Batch
from genkit.engine import data_workers
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.part_calls import PartCalls
from genkit.engine.pipeline import InputPipeline
from genkit.engine.state import initial_state
from genkit.errors import PartFailed, RunError, UsageError
from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Checkpoint, Report, Train, Use
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.train import train_in_folder

pytestmark = pytest.mark.trains
IMAGES = {
    "model": Use("small-conv", latent_dim=2, channels=(4,), hidden=4),
    "loss": Use("vae"),
    "train": Train(steps=5, batch_size=8, accumulate=2, inexact_accumulation=True),
}


def plan_of(**changes) -> Plan:
    return make_plan(tiny_recipe(**changes), registry=registry_with(MistakenPlugin()))


def batches(plan: Plan, workers: int, start: int = 0) -> list[Batch]:
    """Return the micro-batches of all steps from `start` on."""
    world = World(plan.recipe.train.precision)
    state = initial_state(plan, world)
    state.step, found = start, []
    with InputPipeline(plan, state, world, PartCalls(plan, state, world), workers) as pipeline:
        while state.step < plan.steps:
            found += pipeline.batches()
            state.step += 1
    return found


def assert_same_batches(a: list[Batch], b: list[Batch]) -> None:
    assert len(a) == len(b) > 0
    for one, other in zip(a, b):
        assert_same_bits({"x": one.x, "z": one.z, **one.extra}, {"x": other.x, "z": other.z, **other.extra})
        assert one.x.stride() == other.x.stride()  # a convolution may depend on it


def folder(tmp_path):
    return Use("image-folder", path=str(write_folder(tmp_path / "p", 24)), resolution=8, flip=True)


def array(tmp_path):
    np.save(tmp_path / "p.npy", np.stack([noise_picture(8, 8, seed=seed) for seed in range(24)]))
    return Use("image-arrays", path=str(tmp_path / "p.npy"), resolution=8, flip=True)


def stream(tmp_path):
    import datasets

    pictures = {"image": [Image.fromarray(noise_picture(9, 9, seed=seed)) for seed in range(40)], "label": [*range(40)]}
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    (tmp_path / "s").mkdir()
    for split in ("train", "test"):
        datasets.Dataset.from_dict(pictures, features).to_parquet(tmp_path / "s" / f"{split}.parquet", batch_size=4)
    return Use("hub-stream", hub=str(tmp_path / "s"), resolution=8, window=12, flip=True)


DATA = {
    "stored pictures": folder,
    "array": array,
    "stream": stream,
    "digits": lambda _: Use("digits"),
    "waves": lambda _: Use("stand-in", shape=(3, 8, 8), size=64),
}


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")


@pytest.mark.parametrize("name", DATA)
def test_workers_load_the_same_bits(tmp_path, hub_cache, name):
    plan = plan_of(**IMAGES, data=DATA[name](tmp_path))
    alone = batches(plan, 0)
    assert_same_batches(alone, batches(plan, 2))
    assert_same_batches(alone[4:], batches(plan, 1, start=2))  # as a resume
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("data", [Use("blob"), Use("numbered")])
def test_a_training_has_the_same_bits_with_workers(data):
    plan, world = plan_of(data=data), World()
    state = initial_state(plan, world)
    for _ in train_steps(plan, state, world, workers=2):
        assert len(multiprocessing.active_children()) == (
            2 if data.name == "numbered" else 0
        )  # a density reads nothing
    assert_same_bits(tensors_of(state), tensors_of(train_all(plan)[0]))


def test_several_processes_have_the_same_bits_with_workers():
    on_processes(2, "pipeline_worker.py")


def test_the_device_of_the_noise_of_what_is_read_is_the_cpu():
    seen = []

    @dataclass(frozen=True)
    class Spy(Numbered):
        def load(self, indices, noise):
            seen.append(noise.device.type)
            return Raw({"x": super().batch(indices, noise).x})

        def finish(self, raw, noise):
            seen.append(noise.device.type)
            return Samples(raw.tensors["x"])

    meta = Noise(0, 0, "data", Rows.all(3), torch.device("meta"))
    assert batch_in_two_steps(Spy(), torch.arange(3), meta).x.device.type == "meta"
    assert seen == ["cpu", "meta"]


@dataclass(frozen=True)
class Ailing(Numbered):
    """A data set that does something bad in step 3, wherever it is loaded."""

    do: object = None
    shape: tuple[int, ...] = field(default=(2,), init=False)

    def batch(self, indices, noise):
        if noise.step == 3:
            self.do()
        return super().batch(indices, noise)


def train_with(tmp_path, do, plan: Plan, workers: int) -> RunFolder:
    run = RunFolder.create(tmp_path / "runs", plan.document, dict(plan.resolved))
    train_in_folder(replace(plan, data=Ailing(do=do)), run, World(), workers=workers)
    return run


def numbered() -> Plan:
    report = Report(log_every=1, draw_every=100, strip_steps=())
    return plan_of(data=Use("numbered"), checkpoint=Checkpoint(every=100), report=report)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGBUS", "exit"])
def test_a_dead_worker_is_named_and_no_step_is_lost(tmp_path, capfd, name):
    def die():
        if multiprocessing.parent_process() is not None:
            os._exit(3) if name == "exit" else os.kill(os.getpid(), signal.Signals[name])
        raise AssertionError

    with pytest.raises(PartFailed) as failed:
        train_with(tmp_path, die, numbered(), workers=1)
    (saved,) = RunFolder.open(tmp_path / "runs/0001-tiny-s3").saved_steps()
    assert 1 <= saved <= 3  # the worker loads ahead
    expected = "exit code 3" if name == "exit" else name
    assert_names(failed.value, f"step {saved} of 12", "saved", f"in step {saved + 1}", "[data]", expected, "--workers")
    assert "Traceback" not in capfd.readouterr().err
    assert not multiprocessing.active_children()


def broken():
    raise RuntimeError("out of luck")


def refused():
    raise UsageError("[data] 0003.png: not an image")


def drawn():
    torch.rand(1)


def drawn_by_numpy():
    np.random.rand()


ERRORS = {
    broken: ("RuntimeError: out of luck", "test_pipeline.py, line", "genkit-torch-tiny"),
    refused: ("0003.png",),
    drawn: ("global", "torch"),
    drawn_by_numpy: ("global", "NumPy"),
}


@pytest.mark.parametrize("do", ERRORS)
def test_an_error_in_a_worker_reads_as_without_workers(tmp_path, do):
    texts = []
    for workers in (0, 2):
        with pytest.raises(RunError) as failed:
            train_with(tmp_path / str(workers), do, numbered(), workers)
        texts.append((type(failed.value), str(failed.value)))
        (saved,) = RunFolder.open(tmp_path / f"{workers}/runs/0001-tiny-s3").saved_steps()
        assert saved == 3
    assert texts[0] == texts[1]
    assert_names(texts[1][1], "step 3 of 12", "saved", *ERRORS[do])


def test_an_error_that_cannot_be_sent_is_reported(tmp_path):
    class Odd(UsageError):
        def __reduce__(self):
            raise TypeError

    def do():
        raise Odd("odd")

    with pytest.raises(PartFailed, match="Odd: odd"):
        train_with(tmp_path, do, numbered(), workers=1)


def test_out_of_memory_in_a_worker_is_out_of_memory(tmp_path):
    def do():
        raise MemoryError

    with pytest.raises(MemoryError):
        train_with(tmp_path, do, numbered(), workers=1)


@pytest.mark.parametrize("how", ["tensor", "numpy", "label", "python-noise"])
def test_wrong_samples_of_a_worker_are_named(how):
    plan, world = plan_of(data=Use("Readable", how=how, first=2)), World()
    with pytest.raises(PartFailed) as failed:
        list(train_steps(plan, initial_state(plan, world), world, workers=1))
    assert_names(failed.value, "in step 3", "[data]", "Readable", PLUGIN)


def test_workers_end_with_an_interrupted_training():
    plan, world = plan_of(data=Use("numbered")), World()
    steps = train_steps(plan, initial_state(plan, world), world, workers=2)
    next(steps)
    assert len(multiprocessing.active_children()) == 2
    steps.close()
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("late", [0, 0.5])
def test_a_worker_that_hangs_is_killed(late, monkeypatch):
    """Also where the thread that has killed it notes its exit code late."""
    waitpid = os.waitpid

    def wait_late(*arguments):
        found = waitpid(*arguments)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(late)
        return found

    monkeypatch.setattr(os, "waitpid", wait_late)
    plan, world = replace(plan_of(data=Use("numbered")), data=Ailing(do=lambda: time.sleep(1000))), World()
    steps = train_steps(plan, initial_state(plan, world), world, workers=2)
    next(steps)
    time.sleep(0.2)
    steps.close()
    assert not multiprocessing.active_children()


def test_a_worker_ends_with_a_process_that_is_killed_also_in_the_middle_of_a_read():
    def train_until_killed(pipe):
        plan, world = replace(plan_of(data=Use("numbered")), data=Ailing(do=lambda: time.sleep(1000))), World()
        steps = train_steps(plan, initial_state(plan, world), world, workers=1)
        next(steps), next(steps)  # the worker loads two steps ahead
        pipe.send([worker.pid for worker in multiprocessing.active_children()])
        time.sleep(1000)

    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=train_until_killed, args=(there,))
    process.start()
    (worker,) = here.recv()
    os.kill(worker, 0)  # it is there
    process.kill()
    process.join()
    until = time.monotonic() + 900
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # torch's iterator is half made
@pytest.mark.parametrize("kind", [OSError, RuntimeError])
def test_workers_that_cannot_be_started_are_refused(monkeypatch, kind):
    fork = os.fork

    def refuse_the_second():
        if multiprocessing.active_children():
            raise kind("Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refuse_the_second)
    with pytest.raises(UsageError) as refused:
        batches(plan_of(data=Use("numbered")), 2)
    assert_names(refused.value, "[data]", "2 worker processes", "temporarily unavailable", "--workers 0")
    assert not multiprocessing.active_children()


def test_workers_that_are_not_forked_load_the_same_bits(monkeypatch):
    plan = plan_of(**IMAGES, data=Use("digits"))
    monkeypatch.setattr(data_workers, "FORK", "spawn")
    assert_same_batches(batches(plan, 0), batches(plan, 1))


def test_the_pipeline_leaves_the_handlers_of_signals_as_they_were():
    before = signal.getsignal(signal.SIGCHLD)
    batches(plan_of(data=Use("numbered")), 1)
    assert signal.getsignal(signal.SIGCHLD) == before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.parametrize("name", ["stored pictures", "stream", "digits"])
def test_only_the_keys_of_a_data_set_are_sent_to_a_worker_that_is_not_forked(tmp_path, hub_cache, name):
    data = plan_of(**IMAGES, data=DATA[name](tmp_path)).data
    noise = Noise(0, 1, "data", Rows.all(4))
    x = data.batch(torch.arange(4), noise).x
    sent = pickle.dumps(data)
    assert len(sent) < 2000
    assert torch.equal(pickle.loads(sent).batch(torch.arange(4), noise).x, x)
