"""Recipes as objects: read from a file or by a shipped name, and changed key by key."""

from __future__ import annotations

import html
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import is_dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from genkit.errors import UsageError
from genkit.near_miss import near_miss
from genkit.notebook.arguments import checked_arguments
from genkit.recipe.tables import Use, as_toml
from genkit.recipe.text.document import Document, RecipeLike
from genkit.recipe.text.document_of import document_of
from genkit.recipe.text.nested import flatten
from genkit.recipe.text.overrides import check_present, with_override, with_value
from genkit.recipe.text.shipped import shipped_recipe, shipped_recipes
from genkit.storage.atomic import write_file
from genkit.storage.os_errors import describe_os_error
from genkit.storage.user_path import user_path

OPTION = "set()"  # the place of a key that was set in Python
RecipeSource = RecipeLike | Mapping[str, Any] | str | PathLike[str]


class EditableRecipe:
    """A recipe as the tables of its file. It does not change: `set` returns a new one.

    It may hold mistakes; `genkit.plan` and `genkit.train` report them with their places. ``str(recipe)`` is TOML.
    """

    def __init__(self, document: Document):
        self._document = document

    def set(self, *changes: str | Mapping[str, Any], **tables: Any) -> EditableRecipe:
        """Return the recipe with some keys changed.

            recipe.set("train.steps=500", "model.channels=[8, 16]")     as `--set` takes them
            recipe.set({"train.steps": 500, "ema.decay": 0.99})         values of Python; None removes a key
            recipe.set(seed=1, data=genkit.Use("digits"))               whole tables, and keys without a table

        Raises `UsageError` for a change that cannot be read, such as one without an equals sign, and for None at a key
        that the recipe does not have. Values that a key does not take are mistakes of the recipe, which `genkit.plan`
        reports.
        """
        document = self._document
        for change in changes:
            if isinstance(change, str):
                document = with_override(document, change, OPTION)
            elif isinstance(change, Mapping):
                for key, value in change.items():
                    document = _changed(document, str(key), value)
            else:
                raise UsageError(f'{OPTION}: found {change!r}, expected "table.key=value" or a mapping of such keys.')
        for key, value in tables.items():
            document = _changed(document, key, value)
        return EditableRecipe(document)

    def document(self) -> Document:
        """Return the recipe as the tables of a TOML file, with the place of each key."""
        return self._document

    @property
    def tables(self) -> dict[str, Any]:
        """A copy of the tables, as TOML holds them."""
        return deepcopy(self._document.tables)

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key such as "train.steps", or a whole table. Raises `KeyError`."""
        found: Any = self._document.tables
        for name in key.split("."):
            if not isinstance(found, Mapping) or name not in found:
                known = dict(flatten(self._document.tables))
                raise KeyError(f"{key}: not in the recipe.{near_miss(key, known)}")
            found = found[name]
        return deepcopy(found)

    @checked_arguments()
    def write(self, path: str | PathLike[str], *, overwrite: bool = False) -> Path:
        """Write the recipe as a TOML file, and return its path.

        Raises `UsageError` if it cannot be written, and for a file with other text unless `overwrite` is true.
        """
        file, content = user_path(path), str(self).encode()
        try:
            if not overwrite and file.exists() and (not file.is_file() or file.read_bytes() != content):
                raise UsageError(f"{file}: exists. Choose another name, or replace it with overwrite=True.")
            file.parent.mkdir(parents=True, exist_ok=True)
            write_file(file, content)
        except OSError as error:
            raise UsageError(f"{file}: cannot be written: {describe_os_error(error, file)}.") from None
        return file

    def __eq__(self, other: object) -> bool:
        """Return whether the other recipe has the same tables."""
        return isinstance(other, EditableRecipe) and self._document.tables == other._document.tables

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        """Return the recipe as TOML."""
        return tomli_w.dumps(self._document.tables)

    def __repr__(self) -> str:
        document = self._document
        changed = ", ".join(".".join(path) for path in document.overrides)
        title = str(document.tables.get("title", "untitled"))
        return f"<recipe {title!r} of {document.file}{f', set: {changed}' if changed else ''}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def read_recipe(source: RecipeSource) -> EditableRecipe:
    """Return a recipe that can be changed.

    Args:
        source: A TOML file, the name of a recipe that genkit ships, such as "as_introvae_digits", a `genkit.Recipe`, or
            nested tables.

    A file goes before a shipped recipe of that name. Raises `UsageError` if it cannot be read.
    """
    if isinstance(source, EditableRecipe):
        return source
    if isinstance(source, (str, PathLike)):
        path = user_path(source)
        if shipped := shipped_recipe(path):
            path = shipped
        elif path.parent == Path() and not path.suffix and not path.exists():
            raise UsageError(f"{path}: no such file, and no shipped recipe.{near_miss(path.name, shipped_recipes())}")
        return EditableRecipe(document_of(path))
    if isinstance(source, (RecipeLike, Mapping)):
        document = document_of(source)
        return EditableRecipe(replace(document, tables=plain_value("", document.tables, "recipe")))
    raise UsageError(
        f"recipe: found a {type(source).__name__}, expected a TOML file, the name of a shipped recipe, a "
        "genkit.Recipe, or tables."
    )


def _changed(document: Document, key: str, value: Any) -> Document:
    """Return the document with a value of Python at a key. Raises `UsageError`, also for None at a missing key."""
    changed = with_value(document, key, plain_value(key, value), OPTION)
    if value is None:
        check_present(document.tables, tuple(map(str.strip, key.split("."))), f"{OPTION} {key}")
    return changed


def plain_value(key: str, value: Any, where: str = OPTION) -> Any:
    """Return a value of Python as TOML holds it. Raises `UsageError`, which begins with `where`, if TOML cannot."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:  # a number of NumPy or torch
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str, Path)):
        return as_toml(value)
    if isinstance(value, Use) or (is_dataclass(value) and not isinstance(value, type)):
        return plain_value(key, as_toml(value), where)
    if isinstance(value, Mapping):
        named = {str(name): each for name, each in value.items() if each is not None}
        return {name: plain_value(f"{key}.{name}".lstrip("."), each, where) for name, each in named.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(key, each, where) for each in value]
    raise UsageError(
        f"{where} {key}: found a {type(value).__name__}, which TOML cannot hold. Give a number, a text, a list or a "
        "table."
    )
