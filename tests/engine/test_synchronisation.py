"""A step reads no value of a tensor. On a GPU the program would wait there until the device has computed it."""

from collections import Counter
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from support.tiny_recipes import tiny_plan

from benchmarks.gpu.synchronisation import reads_on_cpu
from benchmarks.interleaved import with_engine
from genkit.engine.distributed import World
from genkit.engine.finite_watch import READ_AFTER
from genkit.engine.state import initial_state
from genkit.recipe.plan import make_plan
from genkit.recipe.text.shipped import recipes_folder

pytestmark = pytest.mark.trains

METHODS = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")


def reads_of_steps(plan):
    """Return the operations that wait for a value, in steps that run all phases; work for each record included."""
    world = World(plan.recipe.train.precision)
    state = initial_state(plan, world)
    number = max(phase.every for phase in plan.phases)
    assert number < READ_AFTER
    reads = Counter()
    for first in sorted({phase.start for phase in plan.phases}):
        state.step = first
        steps = with_engine(plan, state, world)
        next(steps)  # checks the loss, once
        reads += reads_on_cpu(lambda steps=steps: [next(steps) for _ in range(number)])
    return reads


@pytest.mark.parametrize("read", [lambda x: x.sum().item(), lambda x: bool(x.any()), lambda x: x.nonzero()])
def test_a_read_of_a_value_counts(read):
    x = torch.ones(3)
    assert reads_on_cpu(lambda: x * 2).total() == 0
    assert reads_on_cpu(lambda: read(x)).total() == 1


@pytest.mark.parametrize("method", METHODS)
def test_a_step_of_a_method_reads_nothing(method):
    if not find_spec(f"genkit_{method}") and method != "vae":
        pytest.skip(f"the plugin of {method} is not installed")
    plan = make_plan(recipes_folder() / f"{method}_8gaussians.toml")
    assert not reads_of_steps(plan)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_with_clipping_ema_and_accumulation_reads_nothing(precision):
    plan = tiny_plan()
    train = replace(plan.recipe.train, precision=precision, accumulate=2, inexact_accumulation=True)
    assert not reads_of_steps(tiny_plan(train=train))
