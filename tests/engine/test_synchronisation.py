"""A step reads no value of a tensor. On a GPU the program would wait there until the device has computed it."""

from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from support.tiny_recipes import tiny_plan
from torch.profiler import ProfilerActivity, profile

from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.finite_watch import READ_AFTER, FiniteWatch
from genkit.engine.loop import StepRecord, update
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import initial_state
from genkit.recipe.plan import make_plan
from genkit.recipe.shipped import recipes_folder

pytestmark = pytest.mark.trains

READS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::masked_select", "aten::_unique2"}
METHODS = ("vae", "introvae", "soft_introvae", "as_introvae", "wgan_gp")


def reads_of_a_step(plan):
    """Return the operations of a step, after its batch is on the device, that wait for a value."""
    world = World(plan.recipe.train.precision)
    state, watch = initial_state(plan, world), FiniteWatch()
    batches, calls = batches_of_step(plan, state, world), PartCalls(plan, state, world)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for phase in plan.phases:
            inputs = [batch.in_phase(phase.name) for batch in batches]
            terms = update(phase, state, inputs, world, calls, keep_graphs=phase is not plan.phases[-1])
            watch.observe(StepRecord(1, terms))
        if state.average is not None:
            state.average.update()
    return {event.name for event in profiler.events() if event.name in READS and not _in_a_fused_kernel(event)}


def _in_a_fused_kernel(event):
    """Return whether torch's fused optimiser reads its step counter: on the CPU only, where it waits for nothing."""
    while event is not None:
        if event.name.startswith("aten::_fused_adam"):
            return True
        event = event.cpu_parent
    return False


def test_the_profiler_sees_a_read():
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        torch.ones(()).item()
    assert READS & {event.key for event in profiler.key_averages()}


@pytest.mark.parametrize("method", METHODS)
def test_a_step_of_a_method_reads_nothing(method):
    if not find_spec(f"genkit_{method}") and method != "vae":
        pytest.skip(f"the plugin of {method} is not installed")
    plan = make_plan(recipes_folder() / f"{method}_8gaussians.toml")
    assert len(plan.phases) < READ_AFTER
    assert not reads_of_a_step(plan)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_with_clipping_ema_and_accumulation_reads_nothing(precision):
    plan = tiny_plan()
    train = replace(plan.recipe.train, precision=precision, accumulate=2, inexact_accumulation=True)
    assert not reads_of_a_step(tiny_plan(train=train))
