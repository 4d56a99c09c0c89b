"""Nested tables and flat keys: ``{"train": {"steps": 5}}`` and ``train.steps = 5``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

KeyPath = tuple[str, ...]  # ("train", "steps")


def leaves(tables: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the path and the value of each key, in order; an empty table is a value."""
    for key, value in tables.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def flatten(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each dotted key and its value, in order; an empty table is a value."""
    for path, value in leaves(tables):
        yield ".".join(path), value


def nest(keys: Iterable[tuple[KeyPath, Any]]) -> dict[str, Any]:
    """Return the nested tables that hold these paths and values."""
    tables: dict[str, Any] = {}
    for path, value in keys:
        inner = tables
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return tables
