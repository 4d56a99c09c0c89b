"""One step: the phases and actions of any loss that are due, in their order. It names no method."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.loss import Phase
from genkit.engine.actions import Actions
from genkit.engine.compilation import SECOND_DERIVATIVES
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import TrainState
from genkit.engine.step_flags import StepFlags
from genkit.engine.turn_times import turn_times_on
from genkit.errors import PartFailed
from genkit.recipe.plan import Plan
from genkit.recipe.trial.phase_result import checked_result


class Step:
    """The steps of one training, one at a time."""

    def __init__(self, plan: Plan, state: TrainState, world: World, calls: PartCalls, flags: StepFlags):
        self._plan, self._state, self._world, self._calls, self._flags = plan, state, world, calls, flags
        self._actions = Actions(state, world, calls)
        self.times = turn_times_on(world.device)

    def run(self, batches: list[Batch]) -> dict[str, Tensor]:
        """Run the phases and actions that are due, from the micro-batches, and return the terms: "phase/term" -> ().

        If it fails because the networks are compiled, it is repeated uncompiled. Raises `PartFailed`.
        """
        try:
            return self._take_turns(batches)
        except PartFailed as error:
            if self._world.size > 1 and not error.alone:  # of the data of any process, and raised on all
                raise
            return self._run_uncompiled(batches, error)

    def _take_turns(self, batches: list[Batch]) -> dict[str, Tensor]:
        state = self._state
        due = [turn for turn in self._plan.turns if turn.due(state.step)]
        last = next((turn for turn in reversed(due) if isinstance(turn, Phase)), None)
        terms: dict[str, Tensor] = {}
        with state.in_step():
            for turn in due:
                inputs = [batch.in_phase(turn.name, turn.start / self._plan.steps) for batch in batches]
                with self.times.of(turn.name):
                    if isinstance(turn, Phase):
                        keep_graphs = turn is not last
                        terms |= update(turn, state, inputs, self._world, self._calls, keep_graphs=keep_graphs)
                    else:
                        self._flags.finish()  # before weights change: another process may have failed to read its data
                        self._actions.run(turn, inputs)
            self._flags.finish()
        return terms

    def _run_uncompiled(self, batches: list[Batch], error: PartFailed) -> dict[str, Tensor]:
        """Repeat a step that may have failed because the networks are compiled. Raise `error` if that cannot help."""
        compiled = self._state.compiled
        if compiled is None or not compiled.on:
            raise error
        if error.alone or not self._state.whole:  # other processes are elsewhere in the step, or weights have changed
            hinted = PartFailed(f"{error} Or its compilation has failed, if it trains without [train] compile.")
            hinted.alone = error.alone
            raise hinted from error.__cause__
        for batch in batches:
            batch.carry.clear()
        with compiled.off():
            terms = self._take_turns(batches)  # a mistake of the part is raised here
        compiled.fail(error.__cause__ or error, SECOND_DERIVATIVES)
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
        with calls.of(("loss",), phase.loss), state.model.given(batch.extra, *batch.targets.values()):
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
