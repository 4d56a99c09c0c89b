"""Steps and gradients of a loss, and single laws of losses, for the tests of a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.loss import Action, Loss, Phase, turns_of
from genkit.core.model import Model
from genkit.recipe.binding.part_fields import with_schedules
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.phase_result import checked_result
from genkit.recipe.trial.try_action import USE_THE_NOISE
from genkit.recipe.trial.try_loss import actions_of
from genkit.testing.two_processes import on_two_processes


def phase_gradients(phase: Phase, model: Model, batch: Batch) -> dict[str, Tensor | None]:
    """Return the gradients of a phase's total, by name of the parameter, for the children that the phase updates.

    The gradient of a parameter that the total does not depend on is None. Raises `PartMistake`, a `ValueError`, if the
    phase returns what is no `PhaseLoss` of scalars, or draws from a global random generator.
    """
    names = [name for name, _ in model.named_parameters() if name.split(".")[0] in phase.updates]
    parameters = dict(model.named_parameters())
    with refusing_global_draws(phase.loss, USE_THE_NOISE), model.given(batch.extra, *batch.targets.values()):
        total = checked_result(phase, phase.loss(model, batch.in_phase(phase.name))).total
    gradients = torch.autograd.grad(
        total, [parameters[name] for name in names], retain_graph=bool(batch.carry), allow_unused=True
    )
    return dict(zip(names, gradients, strict=True))


def assert_gradients_reach_updates(loss: Loss, model: Model, batch: Batch, *, step: int) -> None:
    """Assert that every phase due in `step` has a gradient for every parameter of the children that it updates."""
    for phase in with_schedules(loss).phases():
        if phase.due(step):
            missed = [name for name, gradient in phase_gradients(phase, model, batch).items() if gradient is None]
            assert not missed, f"phase {phase.name!r}: no gradient for {missed}, which the phase updates"


def take_step(
    loss: Loss, model: Model, optimisers: Mapping[str, torch.optim.Optimizer], batch: Batch, *, step: int = 0
) -> None:
    """Take one step as the training loop does; `optimisers` has that of each child of the model by name."""
    loss = with_schedules(loss)
    actions = [action.for_batches(model, batch.noise.rows.total) for action in actions_of(loss)]
    for turn in turns_of(loss.phases(), actions):
        if not turn.due(step):
            continue
        if isinstance(turn, Action):
            with torch.no_grad(), model.given(batch.extra, *batch.targets.values()):
                turn.do(model, batch.in_phase(turn.name))
            for child in turn.resets:
                optimisers[child].state.clear()
            continue
        for name, gradient in phase_gradients(turn, model, batch).items():
            model.get_parameter(name).grad = gradient
        for child in turn.updates:
            if any(True for _ in model.get_submodule(child).parameters()):  # a prior may have none
                optimisers[child].step()


def assert_schedules_follow_the_run(loss: Loss, model: Model, batch: Batch, *keys: str) -> None:
    """Assert that the phases read the schedules of these keys at `batch.t`, the progress of the run, and use each.

    The phases start at a quarter of the run, so their own progress is different. The batch must have a `t` above 0.
    """
    loss = with_schedules(loss)

    def totals(schedules: Mapping[str, Callable[[float], float]]) -> dict[str, float]:
        probed: Any = replace(loss, **schedules)  # type: ignore[type-var]  # a loss is a dataclass
        given = replace(batch, carry={})
        with model.given(batch.extra, *batch.targets.values()):
            return {p.name: p.loss(model, given.in_phase(p.name, start=0.25)).total.item() for p in probed.phases()}

    ramps = {key: _Ramp(0.3 * (number + 1)) for number, key in enumerate(keys)}
    constants = {key: ConstantSchedule(ramp(batch.t)) for key, ramp in ramps.items()}
    now = totals(constants)
    assert totals(ramps) == now, f"a phase reads one of {keys} at another time than batch.t"
    for key, ramp in ramps.items():
        assert totals({**constants, key: ConstantSchedule(ramp(0.0))}) != now, f"{key}: no phase uses its value"


class _Ramp:
    def __init__(self, start: float) -> None:
        self.start = start

    def __call__(self, t: float, /) -> float:
        return self.start + t


def assert_processes_agree(loss: Loss, model: Model, batch: Batch, *, step: int = 0) -> None:
    """Assert that two processes, with half of the batch each, have the totals and gradients of one process.

    A gather returns the rows of both processes, with gradient. The batch has an even number of rows; make model and
    batch in float64.
    """
    loss = with_schedules(loss)
    phases = [phase for phase in loss.phases() if phase.due(step)]
    one = totals_of(phases, model, batch)
    halves = on_two_processes(batch, lambda half: totals_of(phases, model, half))
    accuracy = 1e4 * torch.finfo(batch.x.dtype).eps
    for phase, alone, first, second in zip(phases, one, *halves, strict=True):
        weights = [weight for child in phase.updates for weight in model.get_submodule(child).parameters()]
        together = (first + second) / 2
        gradients = [
            [*torch.autograd.grad(total, weights, retain_graph=True, materialize_grads=True)] if weights else []
            for total in (together, alone)
        ]
        for ours, theirs in zip([together, *gradients[0]], [alone, *gradients[1]], strict=True):
            difference, size = (ours - theirs).abs().max().item(), theirs.abs().max().item()
            assert difference <= accuracy * max(size, 1), (
                f'phase "{phase.name}": two processes differ by {difference:g} from one. '
                "Gather the rows before a batch statistic"
            )


def totals_of(phases: Sequence[Phase], model: Model, batch: Batch) -> list[Tensor]:
    """Return the totals of phases that follow each other in one step."""
    batch = replace(batch, carry={})
    with model.given(batch.extra, *batch.targets.values()):
        return [phase.loss(model, batch.in_phase(phase.name)).total for phase in phases]
