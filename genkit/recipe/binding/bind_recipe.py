"""A whole recipe, bound to its parts: data, model, loss, optimisers, metrics and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from genkit.core.callback import Callback
from genkit.core.dataset import Dataset
from genkit.core.loss import Loss
from genkit.core.metric import Metric
from genkit.core.model import Model
from genkit.core.types import Optimiser
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.bind_model import BoundModel, bind_model
from genkit.recipe.binding.use_tables import labelled
from genkit.recipe.installed.registry import Part
from genkit.recipe.tables import Recipe
from genkit.recipe.text.document import KeyPath
from genkit.recipe.trial.try_data import shape_of


@dataclass(frozen=True)
class BoundParts:
    """The parts of a recipe. What could not be bound is None, so that the rest can still be checked."""

    recipe: Recipe | None
    data: Dataset | None
    model: BoundModel | None
    loss: Loss | None
    optimisers: Mapping[str, Optimiser | None] | None  # by child of the model; None if [optimiser] is no table
    metrics: Mapping[str, Metric | None]  # by label
    callbacks: Mapping[str, Callback | None]  # by label
    parts: Mapping[KeyPath, Part]  # the part that each table became


@dataclass(frozen=True)
class BoundRecipe(BoundParts):
    """The parts of a recipe that has data, a model and a loss to go on with."""

    data: Dataset
    model: BoundModel
    loss: Loss
    data_shape: tuple[int, ...]

    def build_model(self) -> Model:
        """Construct the model."""
        return self.model.build(self.data_shape)


def bind_recipe(binder: Binder) -> BoundParts:
    """Bind every table of the binder's document, also after a mistake, so that all mistakes are found.

    Mistakes are recorded in `binder`. Without data, a model or a loss to go on with the result is no `BoundRecipe`.
    """
    tables = binder.document.tables
    recipe = _try(lambda: binder.construct(Recipe, binder.arguments(Recipe, tables, (), "a recipe"), ()))
    data = _try_table(binder, "data", partial(binder.part, "datasets"))
    model = _try_table(binder, "model", partial(bind_model, binder))
    loss = _try_table(binder, "loss", partial(binder.part, "losses"))
    optimisers = _each(binder, "optimisers", "optimiser")
    metrics = _each(binder, "metrics", "metrics") or {}
    callbacks = _each(binder, "callbacks", "callbacks") or {}
    shape = None if data is None else _try(lambda: shape_of_data(binder, data))
    parts = BoundParts(recipe, data, model, loss, optimisers, metrics, callbacks, dict(binder.used))
    if shape is None or model is None or loss is None:
        return parts
    return BoundRecipe(**vars(parts), data_shape=shape)


def shape_of_data(binder: Binder, data: Dataset) -> tuple[int, ...]:
    """Return the shape of one sample. Raises `Invalid` if the data set does not know it."""
    try:
        return shape_of(data)
    except Exception as error:  # any exception that a plugin's part raises
        text = str(error) if is_refusal(error) else describe_bug(data, error)
        raise binder.problem(("data",), text, binder.used["data",].owner) from None


def _try(bind: Callable[[], Any]) -> Any:
    """Return what `bind` returns, or None if it raises `Invalid`."""
    try:
        return bind()
    except Invalid:
        return None


def _try_table(binder: Binder, name: str, bind: Callable[[Any, KeyPath], Any]) -> Any:
    """Bind a table of the recipe. Return None if it is wrong or missing; a missing table has been reported already."""
    tables = binder.document.tables
    return _try(lambda: bind(tables[name], (name,))) if name in tables else None


def _each(binder: Binder, kind: str, name: str) -> dict[str, Any] | None:
    """Bind every table within a table, such as those of [metrics], to a part of that kind. Return None for no table."""
    tables = binder.document.tables.get(name, {})
    if not isinstance(tables, Mapping):
        return None
    return {
        key: _try(partial(binder.part, kind, labelled(table, key, name), (name, key))) for key, table in tables.items()
    }
