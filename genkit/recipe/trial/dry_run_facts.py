"""Facts that a dry run has measured about a step: what a plan reports of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from genkit.core.loss import Action, Phase
from genkit.core.metric import EvaluationProtocol
from genkit.core.types import Schedule
from genkit.recipe.tables import Recipe
from genkit.recipe.trial.costs import PhaseCost

BYTES_PER_PARAMETER = {"fp64": 8}  # float32 otherwise: mixed precision keeps float32 weights


@dataclass(frozen=True)
class DryRun:
    """The facts that the dry run has measured about a step."""

    phases: tuple[Phase, ...]
    actions: tuple[Action, ...]
    parameters: Mapping[str, int]  # number of parameters by child
    targets: tuple[str, ...]  # the children of which the loss reads a copy
    costs: Mapping[str, PhaseCost]  # by phase; empty if no step was tried
    protocols: Mapping[str, EvaluationProtocol]  # by label of the metric
    schedules: Mapping[str, Schedule]  # of the loss, by key: those that change with the progress of the run
    state_bytes: int  # weights, gradients, two moments, the EMA weights and the targets
    remarks: tuple[str, ...] = ()
    classes: int | None = None  # that the model distinguishes; None unless it is conditional

    @property
    def flops(self) -> float:
        """Floating-point operations of an average step at the end of the run."""
        last = [phase for phase in self.phases if phase.stop is None]
        return sum(self.costs[phase.name].flops / phase.every for phase in last)

    @property
    def activation_bytes(self) -> int:
        """Bytes kept for the backward by the phase that keeps most."""
        return max((cost.activations for cost in self.costs.values()), default=0)


def state_bytes(recipe: Recipe, parameters: Mapping[str, int], targets: tuple[str, ...]) -> int:
    """Return the bytes of weights, gradients, two moments, the EMA weights and the targets."""
    copies = 4 + (recipe.ema is not None)
    numbers = copies * sum(parameters.values()) + sum(parameters[name] for name in targets)
    return numbers * BYTES_PER_PARAMETER.get(recipe.train.precision, 4)
