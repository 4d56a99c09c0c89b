"""Nested tables as flat keys: ``{"train": {"steps": 5}}`` holds ``train.steps = 5``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flatten(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each dotted key and its value, in order; an empty table is a value."""
    for key, value in tables.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
