"""n processes compute the step of one, a batch statistic and a carried graph included."""

import os
import socket
import subprocess
import sys
from datetime import timedelta
from importlib.util import find_spec
from unittest.mock import patch

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from support.commands import TINY, genkit, genkit_process, on_launched_processes, on_processes
from support.messages import assert_names
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan, train_all

from genkit.engine.distributed import World
from genkit.errors import UsageError

pytestmark = pytest.mark.trains


def test_two_processes_compute_the_run_of_one(tmp_path):
    """All trainings share one start of the processes, which takes longer than they do."""
    plugins = [loss for loss in ("introvae", "as-introvae") if find_spec(f"genkit_{loss.replace('-', '_')}")]
    in_float64 = [f"{loss}/fp64" for loss in ("coupled", "reached-in-warm-up", "images", "mixture", "acting", *plugins)]
    compiled = ["images compiled/fp64", "images half-compiled/fp64", "coupled compiled/fp64"]
    for processes, further in ((1, []), (2, compiled)):
        trainings = [*in_float64, *further, "coupled/fp32"]
        on_processes(processes, "world_worker.py", tmp_path / str(processes), processes, *trainings)
    for training in (*in_float64, *compiled):
        uncompiled = f"{training.split()[0].removesuffix('/fp64')}/fp64"
        one, two = load_file(tmp_path / "1" / uncompiled), load_file(tmp_path / "2" / training)
        assert one.keys() == two.keys(), training
        assert max((one[name] - two[name]).abs().max().item() for name in one) <= 1e-10, training
        batch_norm_over_both = "model/encoder.main.res_0.norm1.running_mean" in one
        assert batch_norm_over_both == (uncompiled == "images/fp64")

    one, two = (load_file(tmp_path / processes / "coupled/fp32") for processes in ("1", "2"))
    weights = [name for name in one if name.startswith("model/")]
    a, b = (torch.cat([run[name].flatten().double() for name in weights]) for run in (one, two))
    assert ((a - b).norm() / a.norm()).item() <= 1e-5


def test_processes_wait_for_the_main_one_until_the_timeout():
    on_processes(2, "patience_worker.py", 0, 4)
    with pytest.raises(AssertionError, match=r"(?i)timed? ?out"):
        on_launched_processes(2, "patience_worker.py", 1, 4)


def test_processes_form_one_group_after_another():
    on_launched_processes(2, "again_worker.py")  # the launcher keeps the store of addresses
    on_processes(2, "again_worker.py")  # the main process does


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc lists the threads of a process")
def test_a_group_that_an_error_has_left_open_has_no_thread_when_the_process_ends():
    on_processes(2, "left_open_worker.py")


def test_processes_that_cannot_form_a_group_are_refused():
    AcceleratorState._reset_state(True)
    announced = patch.dict(os.environ, WORLD_SIZE="2", RANK="0")  # as a launcher sets it, but without an address
    with announced, pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, "2 processes", "genkit run RECIPE --processes N")


@pytest.fixture
def launched(monkeypatch):
    """Announce two processes on a free port, which this test may listen on; wait a second for the other one."""
    AcceleratorState._reset_state(True)
    monkeypatch.setattr("genkit.engine.process_group.JOINING", timedelta(seconds=1))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(listening.getsockname()[1])}
        for name, value in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", **place}.items():
            monkeypatch.setenv(name, value)
        yield listening


@pytest.mark.parametrize(("rank", "said"), [("0", "1/2"), ("1", "timed out")])
def test_a_process_that_is_missing_is_not_waited_for_long(rank, said, launched, monkeypatch):
    launched.close()
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, "2 processes", said, f"127.0.0.1:{os.environ['MASTER_PORT']}", "--processes N")
    assert caught.value.alone == (rank == "1")  # nobody else can print the message of the only process
    assert len(str(caught.value).splitlines()) == 1


def test_a_port_in_use_is_named(launched):
    launched.listen()
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, "2 processes", f"127.0.0.1:{os.environ['MASTER_PORT']}", "MASTER_PORT")
    assert len(str(caught.value).splitlines()) == 1


def test_a_group_of_another_size_than_launched_is_refused(monkeypatch):
    class Alone:
        def __init__(self, **options):
            self.process_index, self.num_processes, self.device = 0, 1, torch.device("cpu")

    monkeypatch.setattr("genkit.engine.process_group.Accelerator", Alone)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, "2 processes", "has 1", "genkit run RECIPE --processes N")


@pytest.mark.parametrize("text", ["", "auto", "0", "-1"])
def test_a_world_size_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("WORLD_SIZE", text)
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, f"WORLD_SIZE={text}: ")


def test_the_environment_of_accelerate_does_not_change_the_weights(monkeypatch):
    state, _ = train_all(tiny_plan())
    settings = {"GRADIENT_ACCUMULATION_STEPS": "4", "DYNAMO_BACKEND": "nonsense", "MIXED_PRECISION": "bf16"}
    for name, value in settings.items():
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    other, _ = train_all(tiny_plan())
    assert_same_bits(tensors_of(state), tensors_of(other))


@pytest.mark.parametrize("text", ["0", "3", "junk"])
@pytest.mark.parametrize("name", ["RANK", "LOCAL_RANK"])
def test_a_rank_without_a_launcher_has_no_effect(monkeypatch, name, text):
    AcceleratorState._reset_state(True)
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv(name, text)
    world = World()
    assert (world.size, world.rank) == (1, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RANK", None), ("RANK", "junk"), ("RANK", "2"), ("LOCAL_RANK", "junk"), ("MASTER_PORT", "junk")],
)
def test_a_variable_of_a_launcher_that_is_no_number_is_named(monkeypatch, name, value):
    for variable, text in {"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0", name: value}.items():
        monkeypatch.delenv(variable, raising=False)
        if text is not None:
            monkeypatch.setenv(variable, text)
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, name)


def test_another_value_for_training_on_the_cpu_is_named(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", "maybe")
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, "ACCELERATE_USE_CPU=maybe")


RECIPE = TINY.replace("steps = 5", "steps = 20").replace("batch_size = 16", 'batch_size = 8\nprecision = "fp64"')


def test_a_failure_of_several_processes_is_printed_once(tmp_path):
    (tmp_path / "two.toml").write_text(RECIPE)
    override = ["--set", "optimiser.encoder.lr=1e300"]
    done = genkit_process("run", "two.toml", "-q", "--processes", "2", *override, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("no longer finite") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_machines_of_two_processes_compute_the_run_of_one(tmp_path, monkeypatch):
    """The machines are two groups on this one, each with a launcher, as on a cluster."""
    (tmp_path / "four.toml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc_per_node=2"]
    launcher += ["--master_addr=127.0.0.1", f"--master_port={port}"]
    machines = [
        subprocess.Popen([*launcher, f"--node_rank={rank}", "-m", "genkit", "run", "four.toml", "-q"])
        for rank in (0, 1)
    ]
    assert [machine.wait(900) for machine in machines] == [0, 0]
    assert genkit("run", "four.toml", "-q").code == 0
    four, one = (load_file(tmp_path / f"runs/000{n}-four-s0/final/model.safetensors") for n in (1, 2))
    assert max((one[name] - four[name]).abs().max().item() for name in one) <= 1e-10
