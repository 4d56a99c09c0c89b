"""The keys in which two recipes differ, and which keys of a recipe decide the weights of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.recipe.tables import WITHOUT_WEIGHT


def with_weight(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return the tables and keys of a resolved recipe that decide the weights."""
    return {key: value for key, value in recipe.items() if key not in WITHOUT_WEIGHT}


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the keys that differ between two resolved recipes, each as ``loss.beta_kl 0.5 -> 0.3``.

    A table that only one of them has is one entry: ``ema absent -> {'decay': 0.9}``.
    """
    changes = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, "absent"), after.get(key, "absent")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            changes += changed_keys(old, new, f"{prefix}{key}.")
        elif old != new and repr(old) != repr(new):  # nan is not equal to itself
            changes.append(f"{prefix}{key} {old} -> {new}")
    return changes
