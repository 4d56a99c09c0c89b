"""Number of worker processes: the option of the user, else what the data and the machine ask for."""

import errno
import gc
import itertools
import json
import multiprocessing
import os
import signal
import sys
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.commands import IMAGES, genkit, write_recipe
from support.tiny_parts import Numbered
from support.tiny_recipes import tiny_plan

from genkit.api import Noise, Raw, Rows, Samples
from genkit.engine import workers as module
from genkit.engine.data_workers import FORK, StepLoader, StepReader, describe_end
from genkit.engine.loading import load
from genkit.engine.workers import choose_workers
from genkit.errors import UsageError
from genkit.parts.datasets.digits import Digits
from genkit.parts.datasets.hub_stream import HubStream
from genkit.recipe.tables import Use

CORES = 8


@pytest.fixture(autouse=True)
def _eight_cores(monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "available_cores", lambda: CORES)
    monkeypatch.setattr(module, "FORK", "fork")
    monkeypatch.setattr("genkit.engine.workers.device_kind", lambda: "cpu")


def plan_with(data):
    plan = tiny_plan(data=Use("numbered"))
    return replace(plan, data=HubStream(hub="a/b", resolution=4)) if data == "stream" else tiny_plan(data=Use(data))


@pytest.mark.parametrize(
    ("data", "gpu", "threads", "processes", "number"),
    [
        ("blob", False, 1, 1, 0),
        ("blob", True, 1, 1, 0),
        ("numbered", False, 1, 1, 0),
        ("numbered", True, CORES, 1, 2),
        ("numbered", True, CORES, CORES, 1),
        ("stream", False, 1, 1, 1),
        ("stream", False, 1, CORES, 0),
        ("stream", False, CORES, 1, 0),
        ("stream", True, CORES, 1, 4),
        ("stream", True, 1, 4, 1),
    ],
)
def test_the_default_depends_on_the_data_and_on_free_cores(monkeypatch, data, gpu, threads, processes, number):
    monkeypatch.setattr("genkit.engine.workers.device_kind", lambda: "cuda" if gpu else "cpu")
    assert choose_workers(plan_with(data), threads, processes=processes).number == number


def test_the_processes_of_a_launcher_share_the_cores(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "16")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    assert choose_workers(plan_with("stream"), 1).number == 0
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert choose_workers(plan_with("stream"), 1).number == 1


def test_the_option_wins_except_for_a_density():
    assert choose_workers(plan_with("numbered"), 1, 3) == (3, "--workers")
    assert choose_workers(plan_with("stream"), 1, 0).number == 0
    assert choose_workers(plan_with("blob"), 1, 3).number == 0


def test_a_system_that_cannot_fork_has_workers_only_on_request(monkeypatch):
    monkeypatch.setattr(module, "FORK", None)
    assert choose_workers(plan_with("stream"), 1).number == 0
    assert choose_workers(plan_with("stream"), 1, 2).number == 2


WRONG = {
    "samples": lambda: Samples(torch.zeros(2, 2)),
    "array": lambda: Raw({"x": np.zeros((2, 2))}),
    "device": lambda: Raw({"x": torch.zeros(2, 2, device="meta")}),
    "rows": lambda: Raw({"x": torch.zeros(3, 2)}),
    "scalar": lambda: Raw({"x": torch.zeros(())}),
    "notes": lambda: Raw({}, {"skipped": 3}),
}


@dataclass(frozen=True)
class Loading(Numbered):
    """A data set of two steps, with a mistake in the first."""

    how: str = ""

    def load(self, indices, noise):
        return WRONG[self.how]()

    def finish(self, raw, noise):
        raise AssertionError


def test_messages(monkeypatch, golden):
    text = ["# workers that have ended", *(describe_end(-getattr(signal, f"SIG{n}")) for n in ("KILL", "BUS", "SEGV"))]
    text += [describe_end(3), "# mistakes of load"]
    for how in WRONG:
        with pytest.raises(ValueError) as wrong:
            load(Loading(how=how), torch.arange(2), Noise(0, 0, "data", Rows.all(2)))
        text.append(str(wrong.value))
    text.append("# reasons of the plan")
    for device, data, threads in itertools.product(("cpu", "cuda"), ("blob", "numbered", "stream"), (1, CORES)):
        monkeypatch.setattr("genkit.engine.workers.device_kind", lambda device=device: device)
        text.append(choose_workers(plan_with(data), threads).why)
    golden("workers", "\n".join(dict.fromkeys(text)) + "\n")


@pytest.mark.trains
def test_the_option_reaches_the_run_and_its_resume_and_changes_no_bit(isolated, monkeypatch):
    started, make = [], StepLoader.__init__

    def recording(self, reader, steps, workers, **options):
        started.append(workers)
        make(self, reader, steps, workers, **options)

    monkeypatch.setattr(StepLoader, "__init__", recording)
    recipe = write_recipe(Path(), IMAGES)
    texts = []
    for workers in (0, 2):
        said = genkit("run", recipe, "--workers", workers)
        assert said.code == 0 and f"workers {workers} (--workers)" in " ".join(said.out.split()), said
        run = sorted(Path("runs").glob("0*"))[-1]
        texts.append((run / "metrics.jsonl").read_text())
        (run / "results.json").unlink()
        assert genkit("resume", run, "--workers", workers).code == 0
    assert started == [0, 0, 2, 2] and texts[0] == texts[1]


@pytest.mark.trains
def test_the_plan_states_the_default(isolated):
    recipe = write_recipe(Path(), IMAGES)
    assert json.loads(genkit("plan", recipe, "--json").out)["workers"] == 0


@pytest.mark.skipif(FORK is None, reason="workers are not forked")
def test_workers_that_cannot_all_be_started_are_reported_once(monkeypatch):
    """torch cannot delete the iterator that it has half made, and Python would print that too."""
    fork, unraisable = os.fork, []

    def fork_once():
        monkeypatch.setattr(os, "fork", refuse)
        return fork()

    def refuse():
        raise OSError(errno.EAGAIN, "no more processes")

    monkeypatch.setattr(os, "fork", fork_once)
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    with pytest.raises(UsageError, match="--workers 0"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about more workers than cores
        StepLoader(StepReader(Digits(), None, None, None), range(3), 2, pin_memory=False)
    gc.collect()
    assert not unraisable and not multiprocessing.active_children()
