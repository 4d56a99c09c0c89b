"""The document of a recipe, which may be a file, an object of Python or tables, with overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.text.document import Document, RecipeLike, is_space, is_table_of_results, read
from genkit.recipe.text.overrides import with_override
from genkit.storage.listing import exists
from genkit.storage.names import RECIPE, RESOLVED
from genkit.storage.user_path import user_path

EXAMPLE = '["train.steps=500"]'


def document_of(
    source: RecipeLike | Document | Mapping[str, Any] | Path | str, overrides: Sequence[str] = ()
) -> Document:
    """Return the tables that `make_plan` checks, with the overrides. Raises `UsageError`."""
    if isinstance(source, (str, Path)):
        document = _read_recipe(user_path(source))
    elif isinstance(source, RecipeLike):
        document = source.document()
    elif isinstance(source, (Document, Mapping)):
        document = source if isinstance(source, Document) else Document(_with_names(source))
    else:
        raise UsageError(
            f"recipe: found {type(source).__name__}, expected a TOML file, a genkit.Recipe, or tables of a recipe."
        )
    if not isinstance(overrides, Sequence):
        raise UsageError(f"overrides: found {type(overrides).__name__}, expected texts such as {EXAMPLE}.")
    for override in (overrides,) if isinstance(overrides, str) else overrides:
        if not isinstance(override, str):
            raise UsageError(f"overrides: found {override!r} among them, expected texts such as {EXAMPLE}.")
        document = with_override(document, override)
    return document


def _with_names(tables: Mapping[Any, Any]) -> dict[str, Any]:
    """Return tables of Python. Raises `UsageError` for a key that is no text, which no TOML file has."""
    for key, value in tables.items():
        if not isinstance(key, str):
            raise UsageError(f"recipe: found the key {key!r}, expected texts, as TOML has them.")
        if isinstance(value, Mapping):
            _with_names(value)
    return dict(tables)


def _read_recipe(path: Path) -> Document:
    if exists(path / RESOLVED):
        raise UsageError(
            f"{path}: a run folder, expected a recipe. `genkit resume {path}` continues the run; "
            f"`genkit run {path / RECIPE}` starts a new run of its recipe."
        )
    document = read(path)
    if is_table_of_results(document.tables):
        raise UsageError(f"{path}: a table of results, expected a recipe. `genkit table {path}` trains its recipes.")
    if is_space(document.tables):
        raise UsageError(
            f"{path}: a space of a search, expected a recipe. `genkit tune RECIPE --space {path}` searches it."
        )
    return document
