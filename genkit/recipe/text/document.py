"""A TOML file as nested tables, with the line of every key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from genkit.errors import Place, UsageError
from genkit.recipe.installed.owners import Supplier, suppliers_in_comments
from genkit.recipe.text.nested import KeyPath, leaves
from genkit.recipe.text.toml_text import BeyondLimits, parse, statements
from genkit.recipe.text.unread_file import RECIPE, ShippedKind, remedy, unread
from genkit.recipe.text.whole_text import CutShort, check_whole


@dataclass(frozen=True)
class Document:
    """Nested tables, and the place where each of their keys was written."""

    tables: dict[str, Any]
    file: str = "recipe"
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    overrides: Mapping[KeyPath, str] = field(default_factory=dict)  # keys set by an option, and that option: "--set"
    suppliers: Mapping[str, Supplier] = field(default_factory=dict)  # of the parts of a run, by table

    def place(self, path: KeyPath) -> Place:
        """Return the place of the key at `path`, or of the innermost table around it that was written.

        The place is an option if an override set the key, or a table around it that the file does not have.
        """
        if option := self._option_of(path):
            return Place(option, None, path)
        line = next((self.lines[path[:n]] for n in range(len(path), 0, -1) if path[:n] in self.lines), None)
        inside = (option for override, option in self.overrides.items() if path and override[: len(path)] == path)
        return Place(self.file, line, path, next(inside, ""))

    def _option_of(self, path: KeyPath) -> str:
        """Return the option that wrote the key at `path`; empty if the file did."""
        for override, option in self.overrides.items():
            if path[: len(override)] == override:
                return option
        not_in_file = [path[:n] for n in range(len(path), 0, -1) if path[:n] not in self.lines]
        for override, option in self.overrides.items():
            if any(override[: len(part)] == part for part in not_in_file):
                return option
        return ""


@runtime_checkable
class RecipeLike(Protocol):
    """Anything that is a recipe in Python: `genkit.Recipe`, and what `genkit.read_recipe` returns."""

    def document(self) -> Document:
        """Return the recipe as the tables of a TOML file, with the place of each key."""
        ...


def read(path: Path, kind: ShippedKind = RECIPE) -> Document:
    """Read a TOML file of a kind. Raises `UsageError` if it cannot be read or is not valid.

    Bytes that are not UTF-8 are kept as lone surrogates. They are allowed in the values of paths only, which the binder
    checks: a path that is not UTF-8 comes from an option, and the resolved recipe of the run has to hold it.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise unread(path, error, kind) from None
    try:
        check_whole(text)
        tables = parse(text)
    except CutShort as error:
        raise UsageError(
            f"{path}: damaged ({error}). Copy the whole file again; if you have cut it yourself, delete its first "
            "line, which announces that line."
        ) from None
    except BeyondLimits as error:
        raise UsageError(f"{path}: {error}. Correct the file; no recipe needs that.") from None
    except tomllib.TOMLDecodeError as error:
        if not is_unicode(text):
            raise UsageError(f"{path}: not UTF-8 text, expected a TOML file. {remedy(path, kind)}") from None
        other = "" if path.suffix.lower() == ".toml" else f" A TOML file is expected. {remedy(path, kind)}"
        raise UsageError(f"{path}: not valid TOML: {error}.{other}") from None
    return Document(tables, str(path), _lines(text), suppliers=suppliers_in_comments(text))


def is_recipe(tables: Mapping[str, Any]) -> bool:
    """Return whether these tables are meant as a recipe, and not as a table of results."""
    return bool({"data", "model", "loss"} & tables.keys()) and not is_table_of_results(tables)


def is_table_of_results(tables: Mapping[str, Any]) -> bool:
    """Return whether these tables are meant as a table of results, and not as a recipe."""
    return bool({"rows", "columns"} & tables.keys()) and not {"data", "model", "loss"} & tables.keys()


def is_space(tables: Mapping[str, Any]) -> bool:
    """Return whether these tables are meant as a space of a search, and not as a recipe."""
    return {"metric", "keys"} <= tables.keys() and not {"data", "model", "loss"} & tables.keys()


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates, which stand for bytes that are not UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _lines(text: str) -> dict[KeyPath, int]:
    """Return the line, counted from 1, of every table and key of a valid TOML text."""
    lines: dict[KeyPath, int] = {}
    header: KeyPath = ()
    for number, statement in statements(text):
        parsed = parse(statement)
        if statement.lstrip().startswith("["):
            header = _innermost(parsed)
            for length in range(1, len(header)):  # [a.b] also writes the table a
                lines.setdefault(header[:length], number)
            lines[header] = number
        else:
            paths = (path[:n] for path, _ in leaves(parsed) for n in range(1, len(path) + 1))
            lines |= {header + path: number for path in paths}
    return lines


def _innermost(parsed: Any) -> KeyPath:
    """Return the path of the table that a header such as ``[a.b]`` or ``[[a.b]]`` opens."""
    path: KeyPath = ()
    while parsed:
        if isinstance(parsed, list):
            parsed = parsed[-1]
            continue
        key, parsed = next(iter(parsed.items()))
        path += (key,)
    return path
