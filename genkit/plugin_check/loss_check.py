"""Check of a loss on the first model that has its children: an example, one of its plugin, or that of its recipe."""

from __future__ import annotations

from collections.abc import Iterator

from genkit import testing
from genkit.core.loss import Loss
from genkit.core.model import Model
from genkit.errors import GenkitError
from genkit.plugin_check.around import SHAPES, Around, small_model
from genkit.plugin_check.build_part import NotChecked
from genkit.recipe.binding.bind_model import PRIOR
from genkit.recipe.checks import children_of
from genkit.recipe.trial.network_on_meta import network_on_meta
from genkit.testing.law import hold
from genkit.testing.loss_examples import (
    named_children,
    small_models_for,
    with_children,
    with_similar_children,
)
from genkit.testing.loss_laws import accepted_model, laws_without_a_model


def check_loss(loss: Loss, around: Around) -> None:
    """Assert the laws of a loss. Raises `NotChecked`, after the laws that need no model, if none has its children."""
    loss = testing.with_schedules(loss)
    small = small_models_for(loss)
    model = accepted_model(loss, _with_its_children(loss, small, around)) or _that_shows_a_mistake(loss, small, around)
    if model is not None:
        testing.assert_loss_is_lawful(loss, model)
        return
    hold(loss, laws_without_a_model(loss))
    raise NotChecked(_what_is_missing(loss, small, around))


def _with_its_children(loss: Loss, small: list[Model], around: Around) -> Iterator[Model]:
    """Yield the models that have all children of a loss; the larger ones are built only when they are asked for."""
    yield from with_children(loss, small)
    yield from with_children(loss, around.models())
    yield from with_children(loss, _models_of_recipe(around))


def _models_of_recipe(around: Around) -> Iterator[Model]:
    """Yield the model of the recipe whose keys the loss has; nothing if it cannot be built."""
    try:
        bound = around.bound()
    except Exception:  # its own parts report it
        return
    if bound is not None:
        yield from small_model(bound.model.build, (*SHAPES, bound.data_shape))


def _that_shows_a_mistake(loss: Loss, small: list[Model], around: Around) -> Model | None:
    """Return a model on which a law says that the loss has the name of a child wrong.

    It has a child of a similar name, or it is the model of the recipe, which could not be trained.
    """
    if similar := with_similar_children(loss, [*around.models(), *small]):
        return similar[0]
    try:
        bound = around.bound()
        model = None if bound is None else network_on_meta(bound.build_model)
    except Exception:  # its own parts report it
        return None
    return None if model is None or with_children(loss, [model]) else model


def _what_is_missing(loss: Loss, small: list[Model], around: Around) -> str:
    """Return which children no model has, what the models have that were tried, and what the author can add."""
    own = [*around.models()]
    has_own = f"those of this plugin have {_children(own)}" if own else "this plugin has no model that could be built"
    return (
        f"the loss names the children {_and(named_children(loss))}, and no model that was tried has all of them: the "
        f"examples have {_children(small)}; {has_own}; {_state_of_recipe(around)}. Correct a wrong name. "
        "Otherwise add a model with these children to the plugin, or a recipe that uses the loss with such a model "
        "(recipes/NAME.toml beside the package), and check again; or call genkit.testing.assert_loss_is_lawful(loss, "
        "model) in a test"
    )


def _state_of_recipe(around: Around) -> str:
    """Return why no recipe supplies a model."""
    if around.recipe is None:
        return "no recipe uses the loss"
    try:
        around.bound()
    except GenkitError as error:
        return f"the recipe {around.recipe.name} is wrong ({str(error).rstrip('.')})"
    except Exception:  # its own parts report it
        pass
    return f"the model of the recipe {around.recipe.name} could not be built"


def _children(models: list[Model]) -> str:
    """Return the children of models: ``decoder and encoder, or critic and generator``."""
    return ", or ".join(dict.fromkeys(_and(children_of(model) - {PRIOR}) for model in models))


def _and(names: set[str]) -> str:
    *others, last = sorted(names) or ["none"]
    return f"{', '.join(others)} and {last}" if others else last
