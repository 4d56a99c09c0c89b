"""The option ``--set table.key=value``: how it is parsed, and how it changes a document."""

from __future__ import annotations

import tomllib
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.document import Document, KeyPath


def with_override(document: Document, override: str) -> Document:
    """Return the document with ``table.key=value`` set. Raises `UsageError`.

    The value is TOML; what is not valid TOML is taken as a string. An empty value, ``train.epochs=``, removes the key.
    """
    path, text = parted(override, "train.steps=500")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    tables = _set(document.tables, path, value, override)
    return Document(tables, document.file, document.lines, {**document.overrides, path: "--set"})


def parted(override: str, example: str) -> tuple[KeyPath, str]:
    """Return the key and the value of ``table.key=value``.

    Raises `UsageError` for an override without a key or an equals sign; its message shows `example`, a valid override.
    """
    key, equals, text = override.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path):
        raise UsageError(f"--set {override}: expected table.key=value, for example --set {example}.")
    return path, text


def _set(table: dict[str, Any], path: KeyPath, value: Any, override: str) -> dict[str, Any]:
    """Return the table with the value at `path`, and with the tables on the way to it."""
    key, *rest = path
    if not rest:
        return {**table, key: value} if value != "" else {name: table[name] for name in table if name != key}
    inner = table.get(key, {})
    if isinstance(inner, str):  # `c = "curriculum-c"` is short for a table with that `use`
        inner = {"use": inner}
    if not isinstance(inner, dict):
        raise UsageError(f"--set {override}: {key} is {inner!r}, not a table.")
    return {**table, key: _set(inner, tuple(rest), value, override)}
