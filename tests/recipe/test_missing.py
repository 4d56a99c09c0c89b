"""What a recipe needs and this machine lacks: a plan lists it, and a run refuses to start."""

import pytest
from support.messages import assert_names
from support.tiny_recipes import tiny_plan

from genkit.errors import UsageError
from genkit.recipe.tables import Train, Use


def test_weights_to_start_from_are_needed_by_a_new_run_only(tmp_path):
    plan = tiny_plan(train=Train(steps=2, batch_size=8, warm_start=tmp_path / "nowhere"))
    with pytest.raises(UsageError) as refused:
        plan.check_met()
    assert_names(refused.value, "[train] warm_start", tmp_path / "nowhere")
    plan.check_met(resuming=True)


def test_half_precision_needs_an_accelerator(monkeypatch):
    train = Train(steps=2, batch_size=8, precision="fp16")
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)
    assert tiny_plan(train=train).unmet == ()
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    (unmet,) = tiny_plan(train=train).unmet
    assert_names(unmet, "[train]", '"fp16"', "accelerator", '"bf16"')


def test_a_network_that_does_not_fit_in_the_memory_is_unmet(monkeypatch):
    monkeypatch.setattr("torch.accelerator.is_available", lambda: False)
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: 1000)
    (unmet,) = tiny_plan().unmet
    assert_names(unmet, "[model]", "1 kB of memory")
    monkeypatch.setattr("genkit.storage.memory.physical_memory", lambda: None)
    assert tiny_plan().unmet == ()


def test_tf32_needs_a_gpu_that_has_it(monkeypatch):
    train = Train(steps=2, batch_size=8, precision="tf32")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert tiny_plan(train=train).unmet == ()
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (unmet,) = tiny_plan(train=train).unmet
    assert_names(unmet, "[train]", '"tf32"', "GPU", '"fp32"')


def test_a_batch_needs_as_many_samples():
    assert tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=40)).unmet == ()
    (unmet,) = tiny_plan(data=Use("numbered"), train=Train(steps=2, batch_size=41)).unmet
    assert_names(unmet, "[train]", "batch_size = 41", "40 samples")
