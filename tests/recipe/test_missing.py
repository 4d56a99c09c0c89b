"""What a recipe needs and this machine lacks: a plan lists it, and a run refuses to start."""

import pytest
import torch
from support.messages import assert_names
from support.tiny_recipes import tiny_plan

from genkit.errors import UsageError
from genkit.recipe.machine.missing_precision import missing_precision
from genkit.recipe.machine.training_device import Device
from genkit.recipe.tables import Train, Use


def test_weights_to_start_from_are_needed_by_a_new_run_only(tmp_path):
    plan = tiny_plan(train=Train(steps=2, batch_size=8, warm_start=tmp_path / "nowhere"))
    with pytest.raises(UsageError) as refused:
        plan.check_met()
    assert_names(refused.value, "[train] warm_start", tmp_path / "nowhere")
    plan.check_met(resuming=True)


CPU, TURING, AMPERE = (
    Device("cpu", "the CPU"),
    Device("cuda", "Tesla T4", bf16=False),
    Device("cuda", "A100", tf32=True),
)
APPLE = Device("mps", "mps")


@pytest.mark.parametrize(
    ("precision", "lacking"),
    [
        ("fp32", ()),
        ("fp16", (CPU,)),
        ("tf32", (CPU, TURING, APPLE)),
        ("bf16", (TURING,)),
        ("fp64", (APPLE,)),
    ],
)
def test_a_precision_needs_a_device_that_has_it(precision, lacking, monkeypatch):
    for device in (CPU, TURING, AMPERE, APPLE):
        monkeypatch.setattr("genkit.recipe.machine.missing_precision.training_device", lambda device=device: device)
        unmet = tiny_plan(train=Train(steps=2, batch_size=8, precision=precision)).unmet
        assert len(unmet) == (device in lacking), device
        for text in unmet:
            assert_names(text, "[train] precision", f'"{precision}"', device.name)


def test_a_launcher_can_ask_for_the_cpu(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    monkeypatch.setattr("torch.accelerator.current_accelerator", lambda: torch.device("mps"))
    assert missing_precision("fp16") == "" and "mps" in missing_precision("fp64")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "yes")
    assert_names(missing_precision("fp16"), "ACCELERATE_USE_CPU")
    assert missing_precision("fp64") == ""


def test_a_network_that_does_not_fit_in_the_memory_is_unmet(monkeypatch):
    monkeypatch.setattr("genkit.recipe.machine.missing.device_kind", lambda: "cpu")
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: 1000)
    (unmet,) = tiny_plan().unmet
    assert_names(unmet, "[model]", "1 kB of memory")
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: None)
    assert tiny_plan().unmet == ()


def test_a_batch_needs_as_many_samples():
    assert tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=40)).unmet == ()
    (unmet,) = tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=41)).unmet
    assert_names(unmet, "[train]", "batch_size: 41", "40 samples")


def test_a_batch_that_does_not_fit_in_the_memory_is_unmet(monkeypatch):
    monkeypatch.setattr("genkit.recipe.machine.missing.device_kind", lambda: "cpu")
    state = tiny_plan().dry_run.state_bytes
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: state + 1)
    (unmet,) = tiny_plan().unmet
    assert_names(unmet, "[train] batch_size = 8, accumulate = 1: ", "smaller batch_size")
