"""Remarks of a dry run: what a user should know about a recipe and what is no mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from genkit.core.dataset import Dataset
from genkit.core.loss import Action, Phase
from genkit.recipe.binding.bind_recipe import BoundRecipe
from genkit.recipe.trial.costs import PhaseCost
from genkit.recipe.trial.late_turns import remarks_on_late_turns
from genkit.recipe.trial.schedule_probe import values_over_the_run

MOST_NAMES = 4  # of parameters, in a remark


def remarks_on(bound: BoundRecipe, costs: Mapping[str, PhaseCost], turns: Sequence[Phase | Action]) -> Iterator[str]:
    """Yield the remarks on a recipe with these phases and actions, and the costs of its phases."""
    yield from remarks_on_late_turns(bound, turns)
    yield from _unreached(costs)
    yield from _nothing_held_out(bound.data)
    yield from _constant_children(bound)


def _unreached(costs: Mapping[str, PhaseCost]) -> Iterator[str]:
    """Yield the phases that update parameters without a gradient."""
    for name, cost in costs.items():
        if cost.unreached:
            names = ", ".join(cost.unreached[:MOST_NAMES]) + ", ..." * (len(cost.unreached) > MOST_NAMES)
            count = f"{len(cost.unreached)} of the {cost.updated} tensors"
            yield f'phase "{name}" does not reach {count} that it updates: {names}'


def _nothing_held_out(data: Dataset) -> Iterator[str]:
    """Yield that a run trains on the samples that others hold out."""
    if data.split == data.held_out().split == "test":
        yield "the run trains on the test split, so nothing is held out"


def _constant_children(bound: BoundRecipe) -> Iterator[str]:
    """Yield the children whose learning rate is 0 in the whole run."""
    for child, optimiser in (bound.optimisers or {}).items():
        if optimiser is not None and not any(values_over_the_run(optimiser.lr)):
            yield f"[optimiser.{child}] has the learning rate 0 in the whole run, so its weights do not change"
