"""Generated data in place of those of a recipe, to try the recipe before its data are at hand."""

from __future__ import annotations

from dataclasses import replace

from genkit.errors import RecipeError
from genkit.recipe.bind import Binder, Invalid
from genkit.recipe.bind_recipe import shape_of_data
from genkit.recipe.document import Document
from genkit.recipe.registry import load_registry

SAMPLES = 50_000  # at least: no metric reads more by default; each sample is generated on demand


def with_stand_in(document: Document) -> Document:
    """Return the document with the data set "stand-in", of the shape that its own data declare.

    The set holds two batches at least. Raises `RecipeError` with all that is wrong with ``[data]``.
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
    return replace(document, tables={**document.tables, "data": table}, lines=lines, overrides=overrides)
