"""A program that calls genkit: its settings do not change a run, and a run does not change them."""

import random
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from support.commands import TINY
from support.messages import assert_names
from support.tiny_parts import registry_with
from support.tiny_recipes import tiny_recipe

import genkit
from genkit.errors import UsageError
from genkit.recipe.plan import make_plan
from genkit.recipe.tables import Report, Train, Use

pytestmark = pytest.mark.trains
RECIPE = tiny_recipe(train=Train(steps=6, batch_size=8), report=Report(strip_steps=()))


class Dtype:
    def __init__(self, dtype):
        self.dtype = dtype

    def __enter__(self):
        torch.set_default_dtype(self.dtype)

    def __exit__(self, *error):
        torch.set_default_dtype(torch.float32)


class Device(Dtype):
    def __enter__(self):
        torch.set_default_device(self.dtype)

    def __exit__(self, *error):
        torch.set_default_device(None)


SETTINGS = {
    "float64": lambda: Dtype(torch.float64),
    "bfloat16": lambda: Dtype(torch.bfloat16),
    "default device": lambda: Device("meta"),
    "device": lambda: torch.device("meta"),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}


def train_with(tmp_path, setting=nullcontext) -> genkit.Run:
    with setting():
        return genkit.train(make_plan(RECIPE, registry=registry_with()), tmp_path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> bytes:
    return (train_with(tmp_path_factory.mktemp("standard")).path / "final" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_of_the_host_program_does_not_change_a_run(tmp_path, weights, setting):
    folder = train_with(tmp_path, setting)
    assert (folder.path / "final" / "model.safetensors").read_bytes() == weights


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    (root / "tiny.toml").write_text(TINY)
    return genkit.train(root / "tiny.toml", root / "runs").path


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_a_setting_of_the_host_program_does_not_change_a_loaded_model(model_folder, setting):
    with setting():
        model = genkit.load(model_folder).module
    weight = next(model.parameters())
    assert (weight.dtype, weight.device.type, weight.requires_grad) == (torch.float32, "cpu", True)
    assert not weight.is_inference() and model.sample(torch.zeros(1, model.latent_dim)).requires_grad


def test_generators_and_defaults_of_the_host_program_are_left_as_they_were(tmp_path, model_folder):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate()
    with Dtype(torch.float64):
        train_with(tmp_path)
        genkit.load(model_folder)
        assert torch.get_default_dtype() == torch.float64
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1].tolist(), np.random.get_state()[2], random.getstate()) == before[1:]


def test_an_accelerator_can_be_made_after_a_run(tmp_path):
    AcceleratorState._reset_state(True)
    train_with(tmp_path)
    assert Accelerator(mixed_precision="bf16").mixed_precision == "bf16"
    AcceleratorState._reset_state(True)


def test_an_accelerator_made_before_a_run_works_after_it(tmp_path):
    AcceleratorState._reset_state(True)
    own = Accelerator(mixed_precision="bf16", gradient_accumulation_steps=4)
    train_with(tmp_path)
    assert (own.mixed_precision, own.gradient_accumulation_steps, own.device.type) == ("bf16", 4, own.device.type)
    AcceleratorState._reset_state(True)


def test_data_that_cannot_be_read_leave_no_run_folder(tmp_path):
    plan = make_plan(
        tiny_recipe(
            data=Use("image-folder", path=tmp_path / "nowhere", resolution=16), model=Use("small-conv"), loss=Use("vae")
        ),
        registry=registry_with(),
        try_step=False,
    )
    with pytest.raises(UsageError) as refused:
        genkit.train(plan, tmp_path / "runs")
    assert_names(refused.value, "nowhere")
    assert not (tmp_path / "runs").exists()
