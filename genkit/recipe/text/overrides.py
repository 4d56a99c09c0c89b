"""The option ``--set table.key=value``: how it is parsed, and how it changes a document."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.binding.misplaced_keys import hint_of_unknown
from genkit.recipe.binding.values import in_toml
from genkit.recipe.text.document import Document, KeyPath, is_unicode
from genkit.recipe.text.nested import leaves
from genkit.recipe.text.toml_text import MOST_LEVELS, BeyondLimits, has_comment, parse

SET = "--set"
MOST_SHOWN = 100  # characters of an override in a message
BEFORE = "value = "  # what makes a TOML document of a value
OPENING = ("{", "[", '"', "'")  # a value that begins so is meant as TOML, not as a bare text


def with_override(document: Document, override: str, option: str = SET) -> Document:
    """Return the document with ``table.key=value`` set. Raises `UsageError`.

    The value is TOML. What is not valid TOML is taken as a string, unless it begins as a table, list or string. Nothing
    after the equals sign, ``train.epochs=``, removes a key, which must be there. An empty text, ``train.epochs=""``,
    removes the key if it is there, as tables of results and spaces need. Messages name the `option`, and so does the
    place of the key.
    """
    path, text = parted(override, "train.steps=500", option)
    if not text.strip():
        check_present(document.tables, path, f"{option} {shown(override)}")
    tables = _set(document.tables, path, _value(text, override, option), f"{option} {shown(override)}")
    return replace(document, tables=tables, overrides={**document.overrides, path: option})


def with_value(document: Document, key: str, value: Any, option: str) -> Document:
    """Return the document with a value at a key such as "train.steps". Raises `UsageError`.

    The value is one that TOML holds. None and an empty text remove the key.
    """
    path, _ = parted(f"{key}=", "train.steps=500", option)
    tables = _set(document.tables, path, "" if value is None else value, f"{option} {shown(key)}")
    return replace(document, tables=tables, overrides={**document.overrides, path: option})


def check_present(tables: Mapping[str, Any], path: KeyPath, what: str) -> None:
    """Raise `UsageError`, which begins with `what`, for a key that cannot be removed, since the tables lack it."""
    if (hint := hint_if_absent(tables, path)) is not None:
        raise UsageError(f"{what}: no such key, so it cannot be removed.{hint}")


def hint_if_absent(tables: Mapping[str, Any], path: KeyPath) -> str | None:
    """Return the near misses of a key that the tables lack; None for a key that is there, or is within no table."""
    found: Any = tables
    for depth, name in enumerate(path):
        table = {"use": found} if isinstance(found, str) else found  # a text is short for a table with that `use`
        if not isinstance(table, Mapping):
            return None
        if name not in table:
            return hint_of_unknown(name, table, path[:depth], (key for key, _ in leaves(tables)))
        found = table[name]
    return None


def overrides_within(
    tables: Sequence[str], overrides: Sequence[str], example: str, reader: str = "This command"
) -> tuple[str, ...]:
    """Return the overrides. Raises `UsageError` if one sets a table that the `reader` of the recipe does not read.

    `example` is a valid override, for the error of a malformed one.
    """
    for override in overrides:
        path, _ = parted(override, example)
        if path[0] not in tables:
            known = " and ".join(filter(None, (", ".join(tables[:-1]), tables[-1])))
            raise UsageError(f"{SET} {shown(override)}: no effect. {reader} reads only {known} of the recipe.")
    return tuple(overrides)


def _value(text: str, override: str, option: str) -> Any:
    """Return the value that the text of an override is. Raises `UsageError`."""
    try:
        tables = parse(f"{BEFORE}{text}")
    except BeyondLimits as error:
        raise UsageError(f"{option} {shown(override)}: {error}. Give a smaller value.") from None
    except tomllib.TOMLDecodeError as error:
        if text.lstrip().startswith(OPENING):
            raise UsageError(
                f"{option} {shown(override)}: not valid TOML {_place_and_reason(error)}. Correct it. A text that "
                f"begins with {text.lstrip()[0]} needs quotation marks."
            ) from None
        return text.strip()
    if tables.keys() != {"value"}:
        others = ", ".join(key for key in tables if key != "value")
        raise UsageError(f"{option} {shown(override)}: also sets {others}. Give each key its own {option}.")
    if has_comment(text):
        raise UsageError(f"{option} {shown(override)}: what follows # is a comment. Write a text in quotation marks.")
    return tables["value"]


def _place_and_reason(error: tomllib.TOMLDecodeError) -> str:
    """Return where in a value its TOML is wrong, and why: `tomllib` has both in its text only."""
    reason, _, place = str(error).partition(" (at ")
    found = re.match(r"line (\d+), column (\d+)", place)
    if found is None:
        return f"at the end of the value: {reason}"
    line, column = int(found[1]), int(found[2])
    if line == 1:
        return f"at character {column - len(BEFORE)} of the value: {reason}"
    return f"in line {line} of the value, at character {column}: {reason}"


def shown(override: str) -> str:
    """Return an override for a message, cut if it is long."""
    return override if len(override) <= MOST_SHOWN else f"{override[:MOST_SHOWN]}..."


def parted(override: str, example: str, option: str = SET) -> tuple[KeyPath, str]:
    """Return the key and the value of ``table.key=value``.

    Raises `UsageError` for an override without a key or an equals sign; its message shows `example`, a valid override.
    """
    key, equals, text = override.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        shown_example = f"{option} {example}" if option.startswith("--") else f'"{example}"'
        raise UsageError(f"{option} {shown(override)}: expected table.key=value, for example {shown_example}.")
    if not is_unicode(key):
        raise UsageError(f"{option} {shown(override)}: the key is not UTF-8 text. Write it as the recipe does.")
    if len(path) > MOST_LEVELS:
        raise UsageError(f"{option} {shown(override)}: a key with {len(path)} names, expected table.key.")
    return path, text


def _set(table: dict[str, Any], path: KeyPath, value: Any, what: str, around: KeyPath = ()) -> dict[str, Any]:
    """Return the table at `around` with the value at `path`, and with the tables on the way to it."""
    key, *rest = path
    if not rest:
        return {**table, key: value} if value != "" else {name: table[name] for name in table if name != key}
    inner = table.get(key, {})
    if isinstance(inner, str):  # `c = "curriculum-c"` is short for a table with that `use`
        inner = {"use": inner}
    if not isinstance(inner, dict):
        where = ".".join((*around, key))
        raise UsageError(f"{what}: {where} is {in_toml(inner)}, which has no keys. Set {where} itself.")
    return {**table, key: _set(inner, tuple(rest), value, what, (*around, key))}
