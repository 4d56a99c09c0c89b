"""Script for several processes: what they exchange in a step, and what happens if one of them fails or is stopped."""

import multiprocessing
import os
import signal
import sys
from contextlib import suppress
from unittest.mock import patch

import torch.distributed as dist
from support.tiny_recipes import assert_same_bits, tensors_of, tiny_plan

from genkit.engine import compilation
from genkit.engine.distributed import World
from genkit.engine.loop import train_steps
from genkit.engine.pipeline import InputPipeline
from genkit.engine.state import TrainState, initial_state
from genkit.errors import GenkitError, PartFailed, ProcessLost, UsageError
from genkit.recipe.plan import Plan
from genkit.recipe.tables import Train, Use

STEPS = 6
EXCHANGES = ("all_reduce", "all_gather", "all_gather_object", "all_gather_into_tensor", "broadcast", "barrier")
EXCHANGES += ("broadcast_object_list", "gather_object", "reduce_scatter", "send", "recv")


def plan_of(loss: str = "coupled", **training: object) -> Plan:
    """Return the plan of a short run; its batch divides by one, two and three processes."""
    train = Train(steps=STEPS, batch_size=12, precision="fp64", **training)
    if loss == "images":
        return tiny_plan(
            data=Use("digits"),
            model=Use("introvae-conv", latent_dim=4, channels=(4,), norm="sync-batch"),
            loss=Use("vae"),
            train=train,
        )
    if loss == "acting":
        return tiny_plan(loss=Use(loss), train=train)
    return tiny_plan(loss=Use(loss, weight=0.5, warmup_steps=2), train=train)


def fails_at(step: int, rank: int, world: World, kind: type[GenkitError] = UsageError):
    """Return a context in which this rank cannot read the data of the step, counted from 0."""
    batches = InputPipeline.batches

    def read(pipeline: InputPipeline):
        if pipeline._state.step == step and world.rank == rank:
            raise kind(f"no data on rank {rank}")
        return batches(pipeline)

    return patch.object(InputPipeline, "batches", read)


def check_exchanges(world: World) -> None:
    """Assert that a step makes one exchange a phase, those of its loss, and one that nobody waits for at once."""
    plan, made = plan_of(), []
    state = initial_state(plan, world)
    steps = train_steps(plan, state, world)

    def counted(name):
        original = getattr(dist, name)

        def call(*given, **options):
            made.append(f"async {name}" if options.get("async_op") else name)
            return original(*given, **options)

        return patch.object(dist, name, call)

    next(steps)  # the first step checks the loss, too
    patches = [counted(name) for name in EXCHANGES if hasattr(dist, name)]
    for each in patches:
        each.start()
    of_step = []
    for _ in steps:
        of_step.append(list(made))
        made.clear()
    for each in patches:
        each.stop()
    flags, gradients, gather = "async all_reduce", "all_reduce", ["all_gather", "all_reduce"]  # forward and backward
    assert of_step[0] == [flags, gradients], of_step
    assert of_step[1:3] == [[flags, *gather, gradients], [flags, *gather, gradients, gradients]], of_step


def check_failure(
    world: World, plan: Plan, whole: TrainState, step: int, rank: int, kind: type[GenkitError] = UsageError
) -> None:
    """Assert that all processes fail before the same step, and that training goes on from there as if nothing was."""
    state = initial_state(plan, world)
    with fails_at(step, rank, world, kind):
        try:
            for _ in train_steps(plan, state, world):
                pass
        except kind as error:
            assert str(error) == f"no data on rank {rank}", error
        else:
            raise AssertionError("went on")
    assert (state.step, state.whole) == (step, True)
    assert [record.step for record in train_steps(plan, state, world)] == list(range(step + 1, STEPS + 1))
    assert_same_bits(tensors_of(state), tensors_of(whole))


def check_failure_before_an_action(world: World) -> None:
    """Assert that an action, which comes before all phases, does not change a model whose step has no data."""
    plan = plan_of("acting")
    whole = initial_state(plan, world)
    list(train_steps(plan, whole, world))
    check_failure(world, plan, whole, 3, world.size - 1, PartFailed)


def check_failure_of_compiled_networks(world: World) -> None:
    """Assert that no process takes a mistake in the data of another one for a failed compilation."""
    plan = plan_of(compile=True)
    with patch.object(compilation, "BACKEND", "eager"):
        whole = initial_state(plan, world)
        list(train_steps(plan, whole, world))
        check_failure(world, plan, whole, 3, world.size - 1, PartFailed)


def check_workers_that_another_process_cannot_start(world: World) -> None:
    """Assert that no worker is left where the workers of another process cannot be started."""
    plan = plan_of("images")
    starts = InputPipeline.__init__

    def start(*given):
        if world.rank == world.size - 1:
            raise UsageError("no workers")
        starts(*given)

    with patch.object(InputPipeline, "__init__", start), suppress(UsageError):
        list(train_steps(plan, initial_state(plan, world), world, workers=1))
        raise AssertionError("went on")
    assert not multiprocessing.active_children()


def check_stop(world: World, asked_after: int) -> None:
    """Assert that all processes stop after the same step if the last one is asked after a step."""
    plan, asked = plan_of(), []
    state = initial_state(plan, world)
    stopping = []
    for record in train_steps(plan, state, world, lambda: bool(asked)):
        stopping.append(record.stopping)
        if record.step == asked_after and world.rank == world.size - 1:
            asked.append(True)
    assert stopping == [step > asked_after for step in range(1, STEPS + 1)], stopping


def check_all(world: World) -> None:
    """Run all checks but those that end a process."""
    check_exchanges(world)
    for loss in ("coupled", "images"):
        plan = plan_of(loss)
        whole = initial_state(plan, world)
        list(train_steps(plan, whole, world))
        for step in (0, 3, STEPS - 1) if loss == "coupled" else (2,):
            check_failure(world, plan, whole, step, world.size - 1)
    check_failure(world, plan, whole, 2, 0)
    check_failure_before_an_action(world)
    check_failure_of_compiled_networks(world)
    check_workers_that_another_process_cannot_start(world)
    for after in (1, 3, STEPS):
        check_stop(world, after)


def lose(world: World, loss: str, where: str) -> None:
    """Kill the last process in a step, before its data or within its networks; the others must find out."""
    plan = plan_of(loss)
    state = initial_state(plan, world)
    for record in train_steps(plan, state, world):
        if record.step == 2 and world.rank == world.size - 1:
            if where == "data":
                os.kill(os.getpid(), signal.SIGKILL)
            state.model.encoder.register_forward_pre_hook(lambda *given: os.kill(os.getpid(), signal.SIGKILL))


def main() -> None:
    """Check everything, or, with arguments, that a killed process is noticed: LOSS and data|forward."""
    world = World("fp64")
    if sys.argv[1] == "all":
        check_all(world)
        world.close()
        return
    with suppress(ProcessLost):
        lose(world, sys.argv[1], sys.argv[2])
        raise AssertionError("went on")
    os._exit(0)  # at once: threads of the group may still hold what the interpreter takes down


main()
