"""The one training loop. It runs the steps of any plan and names no method."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from torch import Tensor

from genkit.engine.batches import check_batch
from genkit.engine.coupling import check_coupling
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.pipeline import InputPipeline
from genkit.engine.state import TrainState
from genkit.engine.step import Step
from genkit.engine.step_flags import StepFlags
from genkit.engine.turn_times import TurnTimes
from genkit.recipe.plan import Plan


class StepRecord(NamedTuple):
    """The terms of one completed step."""

    step: int  # number of completed steps
    terms: Mapping[str, Tensor]  # "phase/term" -> (), the mean over this process's samples, on its device
    stopping: bool = False  # whether a process was asked to stop, the same on all
    waited: float = 0.0  # seconds that the step has waited for its data
    turns: TurnTimes | None = None  # of this and all earlier steps since the training began in this process


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
    flags = StepFlags(world, state.model, stop)
    step = Step(plan, state, world, calls, flags)
    with ExitStack() as stack:
        # Within the stack, so that workers end that another process cannot start.
        pipeline = world.on_all(lambda: stack.enter_context(InputPipeline(plan, state, world, calls, workers)))
        while state.step < plan.steps:
            terms = step.run(flags.read(pipeline.batches))
            if state.average is not None:
                state.average.update()
            state.step += 1
            yield StepRecord(state.step, terms, flags.stopping, pipeline.waited, step.times)
