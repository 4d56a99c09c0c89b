"""Reading of a table file, with all its mistakes reported at once."""

from __future__ import annotations

from pathlib import Path

from genkit.errors import RecipeError, UsageError
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import is_recipe, read
from genkit.recipe.text.unread_file import TABLE
from genkit.tables.spec import TableSpec
from genkit.tables.spec_checks import check_spec


def read_table(path: Path) -> TableSpec:
    """Read and check a table file.

    Raises `RecipeError` with all problems of its content, and `UsageError` if the file cannot be read.
    """
    document = read(path, TABLE)
    if is_recipe(document.tables):
        raise UsageError(f"{path}: a recipe, expected a table of results. `genkit run {path}` trains it.")
    binder = Binder(load_registry(), document)
    try:
        table = binder.construct(TableSpec, binder.arguments(TableSpec, document.tables, (), "a table"), ())
    except Invalid:
        raise RecipeError(binder.problems) from None
    if problems := check_spec(table, document):
        raise RecipeError(problems)
    return table
