"""The plan that a command line asks for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.recipe.document import Document
    from genkit.recipe.plan import Plan

SIZE = 50_000  # made-up samples at least: as many as a metric reads; each is made when it is asked for


def planned(recipe: Path, overrides: list[str] | None, *, stand_in: bool = False) -> Plan:
    """Return the plan of a recipe; with `stand_in`, of one that has made-up data of the shape that its own have.

    Raises `RecipeError` with all that is wrong.
    """
    from genkit.recipe.plan import document_of, make_plan

    document = document_of(recipe, tuple(overrides or ()))
    return make_plan(_with_stand_in(document) if stand_in else document)


def _with_stand_in(document: Document) -> Document:
    from genkit.errors import RecipeError
    from genkit.recipe.bind import Binder, Invalid
    from genkit.recipe.registry import load_registry

    binder = Binder(load_registry(), document)
    try:
        shape = binder.part("datasets", document.tables.get("data"), ("data",)).shape
    except Invalid:
        raise RecipeError(binder.problems) from None
    batch_size = document.tables.get("train", {}).get("batch_size")
    size = max(SIZE, 2 * batch_size) if isinstance(batch_size, int) else SIZE
    table = {"use": "stand-in", "shape": list(shape), "size": size}
    return replace(document, tables={**document.tables, "data": table})
