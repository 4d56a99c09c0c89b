"""The one training loop. It runs the phases and the actions of any loss and names no method."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.types import Phase
from genkit.engine.actions import Actions
from genkit.engine.batches import check_batch
from genkit.engine.compilation import SECOND_DERIVATIVES
from genkit.engine.coupling import check_coupling
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.pipeline import InputPipeline
from genkit.engine.state import TrainState
from genkit.engine.step_flags import StepFlags
from genkit.errors import PartFailed
from genkit.recipe.phase_result import checked_result
from genkit.recipe.plan import Plan


class StepRecord(NamedTuple):
    """The terms of one completed step."""

    step: int  # number of completed steps
    terms: Mapping[str, Tensor]  # "phase/term" -> (), the mean over this process's samples, on its device
    stopping: bool = False  # whether a process was asked to stop, the same on all
    waited: float = 0.0  # seconds that the step has waited for its data


def train_steps(
    plan: Plan, state: TrainState, world: World, stop: Callable[[], bool] = lambda: False, *, workers: int = 0
) -> Generator[StepRecord]:
    """Train from `state.step` to the end, advancing `state`, and yield a record after each step.

    `stop` returns whether this process was asked to stop; the records of all processes then say so together. `workers`
    processes load the data, which does not change the result. Close the generator to end them early.

    Raises `UsageError` on all processes if the data of a step cannot be read or the processes would not compute the
    step of one, and `PartFailed` for a mistake in the code of a part. `state` is then as before that step, unless
    `state.whole` is False.
    """
    check_batch(plan, world.size)
    calls = PartCalls(plan, state, world)
    if state.step == 0:
        world.on_all(partial(check_coupling, plan, state, world, calls))
    actions = Actions(state, world, calls)
    flags = StepFlags(world, state.model, stop)
    with ExitStack() as stack:
        # Within the stack, so that workers end that another process cannot start.
        pipeline = world.on_all(lambda: stack.enter_context(InputPipeline(plan, state, world, calls, workers)))
        while state.step < plan.steps:
            batches = flags.read(pipeline.batches)
            try:
                terms = _step(plan, state, batches, world, calls, flags, actions)
            except PartFailed as error:
                if world.size > 1 and not error.alone:  # of the data of any process, and raised on all
                    raise
                terms = _step_uncompiled(error, plan, state, batches, world, calls, flags, actions)

            if state.average is not None:
                state.average.update()
            state.step += 1
            yield StepRecord(state.step, terms, flags.stopping, pipeline.waited)


def _step(
    plan: Plan,
    state: TrainState,
    batches: list[Batch],
    world: World,
    calls: PartCalls,
    flags: StepFlags,
    actions: Actions,
) -> dict[str, Tensor]:
    """Run the phases and actions that are due, and return the terms of the phases."""
    due = [turn for turn in plan.turns if turn.due(state.step)]
    last = next((turn for turn in reversed(due) if isinstance(turn, Phase)), None)
    terms: dict[str, Tensor] = {}
    with state.in_step():
        for turn in due:
            inputs = [batch.in_phase(turn.name, turn.start / plan.steps) for batch in batches]
            if isinstance(turn, Phase):
                terms |= update(turn, state, inputs, world, calls, keep_graphs=turn is not last)
            else:
                flags.finish()  # before weights change: another process may have failed to read its data
                actions.run(turn, inputs)
        flags.finish()
    return terms


def _step_uncompiled(
    error: PartFailed, plan: Plan, state: TrainState, batches: list[Batch], *others: Any
) -> dict[str, Tensor]:
    """Repeat a step that may have failed because the networks are compiled. Raise `error` if that is not possible."""
    if state.compiled is None or not state.compiled.on:
        raise error
    if error.alone or not state.whole:  # other processes are elsewhere in the step, or weights have changed
        hinted = PartFailed(f"{error} Or its compilation has failed, if it trains without [train] compile.")
        hinted.alone = error.alone
        raise hinted from error.__cause__
    for batch in batches:
        batch.carry.clear()
    with state.compiled.off():
        terms = _step(plan, state, batches, *others)  # a mistake of the part is raised here
    state.compiled.fail(error.__cause__ or error, SECOND_DERIVATIVES)
    return terms


def update(
    phase: Phase, state: TrainState, batches: list[Batch], world: World, calls: PartCalls, *, keep_graphs: bool
) -> dict[str, Tensor]:
    """Update the children of the phase once, from all micro-batches, and return the terms of the phase."""
    trained = {child: state.optimisers[child] for child in phase.updates}
    parameters = [parameter for optimiser in trained.values() for parameter in optimiser.parameters.values()]
    for parameter in parameters:
        parameter.grad = None

    # A later phase may use what this phase stores in `carry`; the graph of it must then survive this backward.
    losses = []
    for batch in batches:
        with calls.of(("loss",), phase.loss):
            loss = checked_result(phase, phase.loss(state.model, batch))
            world.backward(loss.total / len(batches), parameters, retain_graph=keep_graphs and bool(batch.carry))
        losses.append({**loss.terms, "total": loss.total.detach()})
    world.average_gradients(parameters)

    state.whole = False
    for child, optimiser in trained.items():
        with calls.of(("optimiser", child), optimiser.recipe):
            optimiser.step(batches[0].t, world.scaler)
    if world.scaler is not None:
        world.scaler.update()

    return {
        f"{phase.name}/{name}": torch.stack([loss[name] for loss in losses]).mean() if len(losses) > 1 else value
        for name, value in losses[0].items()
    }
