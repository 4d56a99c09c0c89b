"""Settings of a launcher: the recipe decides and says so, and another engine is refused."""

import os
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from support.commands import TINY, genkit
from support.messages import assert_names
from support.tiny_recipes import tiny_plan

from genkit.cli.launch import must_launch
from genkit.engine.distributed import World
from genkit.errors import UsageError
from genkit.launched import CPU, REFUSED, is_cpu_asked_for, is_shown_one_device
from genkit.recipe.machine.launcher_remarks import launcher_remarks
from genkit.recipe.machine.missing_precision import missing_precision
from genkit.recipe.machine.training_device import Device
from genkit.recipe.tables import Train


def remarks(monkeypatch, settings, **train):
    for name, value in settings.items():
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    return launcher_remarks(Train(steps=2, batch_size=8, **train))


@pytest.mark.parametrize(
    ("settings", "train", "key"),
    [
        ({"MIXED_PRECISION": "bf16"}, {}, '[train] precision = "fp32"'),
        ({"MIXED_PRECISION": "fp8"}, {"precision": "bf16"}, '[train] precision = "bf16"'),
        ({"DYNAMO_BACKEND": "INDUCTOR"}, {}, "[train] compile = false"),
        ({"DYNAMO_BACKEND": "EAGER"}, {"compile": True}, "[train] compile = true"),
        ({"GRADIENT_ACCUMULATION_STEPS": "4"}, {"accumulate": 2}, "[train] accumulate = 2"),
        ({"GRADIENT_ACCUMULATION_STEPS": "auto"}, {}, "[train] accumulate = 1"),
    ],
)
def test_a_setting_that_the_recipe_overrules_is_one_line(settings, train, key, monkeypatch):
    (remark,) = remarks(monkeypatch, settings, **train)
    ((name, value),) = settings.items()
    assert_names(remark, f"ACCELERATE_{name}={value.lower()}", "the recipe decides", key)


@pytest.mark.parametrize(
    ("settings", "train"),
    [
        # What `accelerate launch` passes without options.
        ({"MIXED_PRECISION": "no", "DYNAMO_BACKEND": "no"}, {"precision": "bf16", "compile": True}),
        ({"MIXED_PRECISION": "bf16", "DYNAMO_BACKEND": "inductor"}, {"precision": "bf16", "compile": True}),
        ({"GRADIENT_ACCUMULATION_STEPS": "1"}, {"accumulate": 2}),
        ({"GRADIENT_ACCUMULATION_STEPS": "2"}, {"accumulate": 2}),
    ],
)
def test_a_setting_that_agrees_or_asks_for_nothing_is_silent(settings, train, monkeypatch):
    assert remarks(monkeypatch, settings, **train) == []


def test_the_plan_lists_what_it_overrules(isolated, monkeypatch):
    (isolated / "tiny.toml").write_text(TINY)
    for name, value in {"MIXED_PRECISION": "bf16", "DYNAMO_BACKEND": "INDUCTOR"}.items():
        monkeypatch.setenv(f"ACCELERATE_{name}", value)
    done = genkit("plan", "tiny.toml")
    assert done.code == 0
    assert done.out.count("ACCELERATE_MIXED_PRECISION=bf16") == done.out.count("ACCELERATE_DYNAMO_BACKEND=") == 1


@pytest.mark.parametrize("name", REFUSED)
def test_another_engine_is_refused_by_the_plan_and_by_the_engine(name, isolated, monkeypatch):
    (isolated / "tiny.toml").write_text(TINY)
    monkeypatch.setenv(name, "true")
    for command in ("plan", "run"):
        done = genkit(command, "tiny.toml")
        assert done.code == 2
        assert_names(done.err, f"{name}=true: ", "genkit run RECIPE --processes N")
        assert len(done.err.splitlines()) == 1
    assert not (isolated / "runs").exists()
    with pytest.raises(UsageError) as caught:
        World()
    assert_names(caught.value, f"{name}=true: ")


def test_a_table_refuses_another_engine_once(isolated, monkeypatch):
    (isolated / "tiny.toml").write_text(TINY)
    table = 'title = "t"\nmetrics = ["modes"]\nseeds = [0, 1]\n[columns.c]\nrecipe = "tiny.toml"\n[rows.r]\n'
    (isolated / "table.toml").write_text(table)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    done = genkit("table", "train", "table.toml")
    assert done.code == 2
    assert done.err.count("ACCELERATE_USE_FSDP=true") == 1


def test_only_the_main_process_prints_that_an_engine_is_refused(isolated, monkeypatch):
    (isolated / "tiny.toml").write_text(TINY)
    for name, value in {"ACCELERATE_USE_FSDP": "true", "WORLD_SIZE": "2", "RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    done = genkit("run", "tiny.toml")
    assert (done.code, done.err) == (2, "")


LATE = """\
import os, pathlib, time
import genkit.launched
from genkit.__main__ import main

found = pathlib.Path("found")
wait = genkit.launched.let_main_process_print
genkit.launched.SECONDS_TO_PRINT = 900
genkit.launched.let_main_process_print = lambda: (found.touch(), wait())
while os.environ["RANK"] == "0" and not found.exists():
    time.sleep(0.05)
main()
"""


@pytest.mark.trains
def test_an_error_of_all_processes_is_printed_although_the_launcher_stops_them_at_the_first(tmp_path):
    """The main process is late: it begins when the other one has found the mistake."""
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "late.py").write_text(LATE)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    environment = {**os.environ, "ACCELERATE_USE_FSDP": "true"}
    command = [*launcher, "late.py", "plan", "tiny.toml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode
    assert done.stderr.count("ACCELERATE_USE_FSDP=true: ") == 1


@pytest.mark.parametrize("asked", ["true", "false"])
def test_processes_on_the_cpu_need_no_gpu_each(asked, monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("mps"))
    monkeypatch.setattr("torch.accelerator.device_count", lambda: 1)
    monkeypatch.setenv("ACCELERATE_USE_CPU", asked)
    plan = SimpleNamespace(recipe=SimpleNamespace(train=Train(steps=1, batch_size=8)), data=SimpleNamespace(size=None))
    with nullcontext() if asked == "true" else pytest.raises(UsageError, match="--processes 2"):
        assert must_launch(plan, 2)


def one_gpu(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr("torch.accelerator.device_count", lambda: 1)


def test_more_processes_than_gpus_are_refused_with_a_remedy(monkeypatch):
    one_gpu(monkeypatch)
    plan = SimpleNamespace(recipe=SimpleNamespace(train=Train(steps=1, batch_size=8)), data=SimpleNamespace(size=None))
    with pytest.raises(UsageError) as refused:
        must_launch(plan, 2)
    assert_names(str(refused.value), "--processes 2", "1 GPU", f"{CPU}=true")


def test_a_process_of_another_launcher_without_a_gpu_is_refused_before_it_waits_for_the_others(monkeypatch):
    one_gpu(monkeypatch)
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_PORT", "1")
    with pytest.raises(UsageError) as refused:
        World()
    assert_names(str(refused.value), "LOCAL_RANK=1", "1 GPU", f"{CPU}=true")
    assert refused.value.alone  # this process prints it


def test_a_process_that_is_shown_one_gpu_of_its_own_is_not_refused(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert not is_shown_one_device()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert not is_shown_one_device()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert is_shown_one_device()
    one_gpu(monkeypatch)
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    joined = RuntimeError("the next thing that a process does")
    monkeypatch.setattr("genkit.engine.process_group.refuse_other_engines", Mock(side_effect=joined))
    with pytest.raises(RuntimeError) as reached:
        World()
    assert reached.value is joined


@pytest.mark.parametrize("value", ["", "false", "0", "no"])
def test_a_launcher_may_say_that_it_uses_no_other_engine(value, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", value)
    World()
    assert tiny_plan()


@pytest.mark.parametrize(("value", "cpu"), [("true", True), ("1", True), ("False", False), ("", False)])
def test_the_launcher_may_ask_for_the_cpu(value, cpu, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_CPU", value)
    assert is_cpu_asked_for() is cpu


def test_messages(monkeypatch, golden):
    settings = {"MIXED_PRECISION": "bf16", "DYNAMO_BACKEND": "INDUCTOR", "GRADIENT_ACCUMULATION_STEPS": "4"}
    text = ["# settings that the recipe overrules", *remarks(monkeypatch, settings)]
    for name in REFUSED:
        monkeypatch.setenv(name, "true")
    with pytest.raises(UsageError) as refused:
        World()
    text += ["# other engines", str(refused.value), "# precisions that a device lacks"]
    for device, precision in (
        (Device("cpu", "the CPU"), "fp16"),
        (Device("cpu", f"the CPU, because of {CPU}"), "tf32"),
        (Device("cuda", "Tesla T4", bf16=False), "bf16"),
        (Device("mps", "mps"), "fp64"),
    ):
        monkeypatch.setattr("genkit.recipe.machine.missing_precision.training_device", lambda device=device: device)
        text.append(missing_precision(precision))
    golden("launcher", "\n".join(text) + "\n")
