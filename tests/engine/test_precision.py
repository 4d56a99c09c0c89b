"""Precision of products of float32, whatever the program around genkit has set, and the gradient scaler of fp16."""

import math

import pytest
import torch
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan, train_all

from genkit.engine.distributed import World
from genkit.engine.state import ChildOptimiser


@pytest.fixture(autouse=True)
def _restore():
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(products)
    torch.backends.cudnn.allow_tf32 = convolutions


@pytest.mark.parametrize(
    ("precision", "products", "convolutions"),
    [("fp32", "highest", False), ("bf16", "highest", False), ("tf32", "high", True)],
)
def test_float32_is_tf32_only_if_the_recipe_says_so(precision, products, convolutions):
    torch.set_float32_matmul_precision("medium")
    torch.backends.cudnn.allow_tf32 = not convolutions
    World(precision)
    assert torch.get_float32_matmul_precision() == products
    assert torch.backends.cudnn.allow_tf32 is convolutions


# The gradient scaler of fp16. torch has one for the CPU, where it does to gradients what it does on a GPU.


def scaled_training(plan, scaler):
    world = World()
    world.accelerator.scaler = scaler
    return train_all(plan, world)


def test_a_gradient_scaler_changes_no_bit_of_a_run():
    """A scale that is a power of two is exact, while it grows too: clipping, shared graphs and fused steps included."""
    plan = tiny_plan()
    plain, _ = train_all(plan)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    scaled, _ = scaled_training(plan, scaler)
    assert scaler.get_scale() > 2.0**10
    assert_same_bits(tensors_of(scaled), tensors_of(plain))


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_whose_gradient_overflows_is_skipped(fused):
    weight = torch.nn.Conv2d(3, 4, 2, bias=False).to(memory_format=torch.channels_last)

    class Adam:
        clip_norm = 0.5

        def lr(self, t):
            return 0.1

        def build(self, parameters):
            return torch.optim.Adam(parameters, lr=0.1, fused=fused)

    optimiser, scaler = ChildOptimiser(Adam(), weight), torch.amp.GradScaler("cpu", init_scale=1024.0)
    moved = []
    for gradient in (1.0, math.inf, 1.0):
        before = weight.weight.detach().clone()
        weight.zero_grad()
        scaler.scale(weight.weight.sum() * gradient).backward()
        optimiser.step(0.0, scaler)
        scaler.update()
        moved.append((weight.weight - before).abs().max().item())
    assert moved == [pytest.approx(0.1, rel=1e-5), 0, pytest.approx(0.1, rel=1e-5)]
    assert scaler.get_scale() == 512
    assert weight.weight.grad.norm().item() == pytest.approx(0.5)  # clipped after it was unscaled
    (moments,) = optimiser.optimiser.state.values()
    assert moments["step"] == 2
    layouts = {tensor.stride() for tensor in (weight.weight, weight.weight.grad, moments["exp_avg"])}
    assert layouts == {weight.weight.stride()} and weight.weight.is_contiguous(memory_format=torch.channels_last)
