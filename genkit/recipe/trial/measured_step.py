"""One step of a loss on the meta device, and the facts that it shows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

from genkit.core.model import Model
from genkit.core.types import Schedule
from genkit.recipe.binding.bind_recipe import BoundRecipe
from genkit.recipe.tables import Recipe
from genkit.recipe.trial.costs import PhaseCost, costs_of
from genkit.recipe.trial.error_probe import recording_error
from genkit.recipe.trial.prior_probe import recording_questions
from genkit.recipe.trial.schedule_probe import recording_schedules
from genkit.recipe.trial.try_loss import actions_of, targets_of


class MeasuredStep(NamedTuple):
    """The facts that one step has shown."""

    costs: Mapping[str, PhaseCost]  # by phase
    schedules: Mapping[str, Schedule]  # of the loss, by key: those that follow the run
    warnings: tuple[str, ...]  # given by the parts and by torch
    asks_prior: bool  # whether the loss asks the prior of the model
    calls_error: bool  # whether the loss calls the reconstruction error of the model


def measure_step(bound: BoundRecipe, model: Model, recipe: Recipe) -> MeasuredStep:
    """Run every phase and every action of a loss on tensors without content. Raises what they raise."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loss, recording = recording_schedules(bound.loss)
        with recording_questions(model.prior) as asked, recording_error(model) as compared:
            costs = costs_of(model, loss.phases(), actions_of(loss), targets_of(loss), recipe, bound.data)
        schedules = {name: each.schedule for name, each in recording.items() if each.follows_the_run}
    texts = tuple(str(warning.message) for warning in caught)
    return MeasuredStep(costs, schedules, texts, bool(asked), bool(compared))
