"""Tables that name a part by `use`, as values of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.recipe.tables import Use


def labelled(table: Any, label: str, of: str) -> Any:
    """Return a table with its `use`: a table of `metrics` is named by its label, unless it has a `use`."""
    return {"use": label, **table} if of == "metrics" and isinstance(table, Mapping) else table


def use_of(raw: Any) -> Use:
    """Return the part that a table names, and its arguments; without a name if the table has none."""
    if isinstance(raw, Use):
        return raw
    if not isinstance(raw, Mapping) or not isinstance(raw.get("use"), str):
        return Use("")  # the part is bound next, which reports the mistake
    return Use(raw["use"], **{key: value for key, value in raw.items() if key != "use"})
