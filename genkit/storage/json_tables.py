"""JSON read as data that anybody may have changed: each fault is a `ValueError` that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.storage.regular_file import read_regular


class Counts:
    """The kind of a list of whole numbers, such as a shape."""


NAMES = {int: "a whole number from 0", str: "a text", dict: "a table", list: "a list", Counts: "whole numbers"}
Kinds = Mapping[str, type]  # the types of values, by key


def parse_json(content: bytes) -> Any:
    """Return the value of a JSON text in UTF-8. Raises `ValueError`."""
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def table_of(value: Any, required: Kinds, optional: Kinds | None = None) -> dict[str, Any]:
    """Return a value that is a table with the required keys; optional ones may be absent or null.

    Raises `ValueError` for anything else than a table, a key that is missing, and a value of another type.
    """
    if not isinstance(value, dict):
        raise ValueError("expected a table")
    for key, kind in required.items():
        if not _is(value.get(key), kind):
            raise ValueError(f"{key}: expected {NAMES[kind]}" if key in value else f"no key {key!r}")
    for key, kind in (optional or {}).items():
        if value.get(key) is not None and not _is(value[key], kind):
            raise ValueError(f"{key}: expected {NAMES[kind]}")
    return value


def read_table(path: Path, required: Kinds, optional: Kinds | None = None) -> dict[str, Any]:
    """Return the table in a JSON file. Raises `OSError`, and what `parse_json` and `table_of` raise."""
    return table_of(parse_json(read_regular(path)), required, optional)


def _is(value: Any, kind: type) -> bool:
    if kind is Counts:
        return isinstance(value, list) and all(_is(item, int) for item in value)
    if kind is int:  # in Python, true is an int
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return isinstance(value, kind)
