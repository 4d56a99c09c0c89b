"""Models on which a loss is tried: those with the children that it names, or whose children it seems to mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from genkit.core.loss import Loss
from genkit.core.model import Model
from genkit.near_miss import closest
from genkit.recipe.binding.bind_model import PRIOR
from genkit.recipe.checks import children_of, children_trained_by
from genkit.recipe.trial.try_loss import checked_targets, try_actions, try_phases
from genkit.testing.examples import first_accepted, models


def example_model(loss: Loss, use: Callable[[Model], object]) -> Model:
    """Return the first small model that a loss can train; `use` tries it and raises what the loss raises.

    If the loss seems to have the name of a child wrong, it is the model with the name that may be meant, so that a law
    reports the name. Raises `ValueError` if no small model has the children, nor similar ones.
    """
    small = small_models_for(loss)
    if fitting := with_children(loss, small):
        return first_accepted(fitting, use)
    if meant := with_similar_children(loss, small):
        return meant[0]
    raise ValueError(f"{no_small_model(loss)}. Give assert_loss_is_lawful a model")


def small_models_for(loss: Loss) -> list[Model]:
    """Return small models, with a learnt prior if the loss trains the prior."""
    return [*models(learnt_prior=PRIOR in _named(loss))]


def with_children(loss: Loss, among: Iterable[Model]) -> list[Model]:
    """Return the models that have all children that a loss names; all models if it names them in a wrong way."""
    wanted = named_children(loss)
    return [model for model in among if wanted <= children_of(model)]


def with_similar_children(loss: Loss, among: Iterable[Model]) -> list[Model]:
    """Return the models that have a child of each name that a loss names, or of a similar name."""
    wanted = _named(loss)
    return [model for model in among if all(closest(name, {*children_of(model), PRIOR}) for name in wanted)]


def no_small_model(loss: Loss) -> str:
    """Return that no small model has the children that a loss names, as the beginning of a sentence."""
    return f"no small model has the children {' and '.join(sorted(named_children(loss)))}, which the loss names"


def named_children(loss: Loss) -> set[str]:
    """Return the children that a loss names, without the prior, which every model has."""
    return _named(loss) - {PRIOR}


def _named(loss: Loss) -> set[str]:
    """Return the children that the phases, actions and targets of a loss name; none if it names them in a wrong way."""
    try:
        phases = try_phases(loss)
        actions, targets = try_actions(loss, phases), checked_targets(loss)
    except Exception:  # the law about phases reports it
        return set()
    return children_trained_by(phases).union(targets, *(action.resets for action in actions))
