"""Generated data in place of those of a recipe, to try the recipe before its data are at hand."""

from __future__ import annotations

from dataclasses import replace

from genkit.errors import RecipeError
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.bind_recipe import BoundRecipe, bind_recipe, shape_of_data
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import Document
from genkit.recipe.trial.dry_run import classes_of

SAMPLES = 50_000  # at least: no metric reads more by default; each sample is generated on demand


def with_stand_in(document: Document) -> Document:
    """Return the document with the data set "stand-in", of the shape that its own data declare.

    The set holds two batches at least, and has labels if the model is conditional. Raises `RecipeError` with all that
    is wrong with ``[data]``.
    """
    if "data" not in document.tables:  # the plan reports it, with everything else that is missing
        return document
    binder = Binder(load_registry(), document)
    try:
        shape = shape_of_data(binder, binder.part("datasets", document.tables.get("data"), ("data",)))
    except Invalid:
        raise RecipeError(binder.problems) from None
    batch_size = document.tables.get("train", {}).get("batch_size")
    size = max(SAMPLES, 2 * batch_size) if isinstance(batch_size, int) else SAMPLES
    table = {"use": "stand-in", "shape": list(shape), "size": size}
    lines = {path: line for path, line in document.lines.items() if path[:1] != ("data",)}
    overrides = {path: option for path, option in document.overrides.items() if path[:1] != ("data",)}
    overrides[("data",)] = "--stand-in"
    found = replace(document, tables={**document.tables, "data": table}, lines=lines, overrides=overrides)
    classes = _classes(found)
    return found if classes is None else replace(found, tables={**found.tables, "data": {**table, "classes": classes}})


def _classes(document: Document) -> int | None:
    """Return how many classes the model of a recipe distinguishes; None unless it is conditional."""
    bound = bind_recipe(Binder(load_registry(), document))
    return classes_of(bound) if isinstance(bound, BoundRecipe) else None  # the plan reports what is wrong
