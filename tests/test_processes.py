"""n processes compute the step of one, a batch statistic and a carried graph included."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from genkit.engine.world import World
from genkit.errors import UsageError

HERE = Path(__file__).parent


def train_on(processes: int, out: Path, precision: str) -> dict[str, torch.Tensor]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    command = [*(launcher if processes > 1 else [sys.executable]), str(HERE / "world_worker.py"), str(out), precision]
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, str(processes)], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return load_file(out)


def test_two_processes_compute_the_run_of_one_in_float64(tmp_path):
    one, two = train_on(1, tmp_path / "1", "fp64"), train_on(2, tmp_path / "2", "fp64")
    assert one.keys() == two.keys()
    assert max((one[name] - two[name]).abs().max().item() for name in one) <= 1e-10


def test_two_processes_compute_the_run_of_one_in_float32(tmp_path):
    one, two = train_on(1, tmp_path / "1", "fp32"), train_on(2, tmp_path / "2", "fp32")
    weights = [name for name in one if name.startswith("model/")]
    a, b = (torch.cat([run[name].flatten().double() for name in weights]) for run in (one, two))
    assert ((a - b).norm() / a.norm()).item() <= 1e-5


def test_a_world_that_did_not_form_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")  # as a launcher sets it, but without an address to meet at
    with pytest.raises(UsageError, match=r"a world of 2 processes did not form.*genkit run RECIPE --processes N"):
        World()


def test_a_world_of_another_size_than_announced_is_refused(monkeypatch):
    class Alone:
        def __init__(self, **options):
            self.process_index, self.num_processes, self.device = 0, 1, torch.device("cpu")

    monkeypatch.setattr("genkit.engine.world.Accelerator", Alone)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="announced 2 processes, but they formed a world of 1"):
        World()
