"""Number of threads of a training: the option of the user, else the environment, else the size of a step."""

import json
from dataclasses import replace

import pytest
import torch
from support.commands import TINY, genkit
from support.tiny_recipes import tiny_plan

from genkit.engine.threads import SMALL_STEP, VARIABLES, choose_threads, remark_on_cores

CORES = 7  # as many as no test machine chooses by itself
GET = torch.get_num_threads


@pytest.fixture(autouse=True)
def _seven_cores(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: CORES)
    monkeypatch.setattr("genkit.engine.threads.device_kind", lambda: "cpu")


def plan_with_flops(flops):
    """Return a plan whose dry run counted this number of FLOP in a step."""
    plan = tiny_plan()
    costs = {name: replace(cost, flops=0) for name, cost in plan.dry_run.costs.items()}
    last = next(phase.name for phase in plan.phases if phase.stop is None and phase.every == 1)
    return replace(plan, dry_run=replace(plan.dry_run, costs=costs | {last: replace(costs[last], flops=int(flops))}))


@pytest.mark.parametrize(
    ("flops", "count"), [(0, 1), (SMALL_STEP - 1, 1), (SMALL_STEP, CORES), (100 * SMALL_STEP, CORES)]
)
def test_a_small_step_has_one_thread_and_a_large_one_all(flops, count):
    assert choose_threads(plan_with_flops(flops)).number == count


@pytest.mark.parametrize("name", VARIABLES)
def test_an_environment_variable_wins_over_the_size_of_a_step(monkeypatch, name):
    monkeypatch.setenv(name, str(CORES))
    assert choose_threads(plan_with_flops(0)) == (CORES, name)


def test_the_option_wins_over_everything(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert choose_threads(plan_with_flops(0), 2) == (2, "--threads")


def test_a_gpu_leaves_the_threads_alone(monkeypatch):
    monkeypatch.setattr("genkit.engine.threads.device_kind", lambda: "cuda")
    assert choose_threads(plan_with_flops(0)).number == CORES


@pytest.fixture
def real_threads(monkeypatch):
    """Give torch three threads for a command, which sets its own number; restore them afterwards."""
    monkeypatch.setattr(torch, "get_num_threads", GET)
    before = GET()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.trains
@pytest.mark.parametrize(("options", "count"), [((), 1), (("--threads", "2"), 2)], ids=str)
def test_a_run_and_its_resume_use_the_number_and_record_it(isolated, real_threads, options, count):
    (isolated / "tiny.toml").write_text(TINY)
    done = genkit("run", "tiny.toml", *options)
    assert done.code == 0, done.err
    assert f"threads {count} " in " ".join(done.out.split())
    assert torch.get_num_threads() == count
    run = isolated / "runs/0001-tiny-s0"
    assert json.loads((run / "final/about.json").read_text())["threads"] == count
    (run / "results.json").unlink()
    torch.set_num_threads(3)
    resumed = genkit("resume", run, *options)
    assert resumed.code == 0, resumed.err
    assert torch.get_num_threads() == count
    assert "bits" not in resumed.out  # the number is the one of the run


@pytest.mark.parametrize(
    "threads, processes, named",
    [
        (4, 1, ()),
        (2, 2, ()),
        (5, 1, ("5 threads on 4 cores",)),
        (1, 5, ("5 processes with 1 thread each", "--processes")),
    ],
)
def test_more_threads_than_cores_are_remarked(monkeypatch, threads, processes, named):
    monkeypatch.setattr("genkit.engine.threads.available_cores", lambda: 4)
    remark = remark_on_cores(threads, processes)
    assert bool(remark) == bool(named) and all(text in remark for text in named)
