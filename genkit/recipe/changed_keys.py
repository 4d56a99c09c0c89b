"""The keys in which two recipes differ, and which keys of a recipe decide the weights of its run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from genkit.recipe.tables import WITHOUT_WEIGHT


def with_weight(recipe: Mapping[str, Any], stopping: Collection[str]) -> dict[str, Any]:
    """Return the tables and keys of a resolved recipe that decide the weights.

    `stopping` are the labels of callbacks that may stop the run. With one of them, the weights also depend on what it
    sees: which steps are logged and evaluated, and the metrics that are evaluated during training.
    """
    kept = {key: value for key, value in recipe.items() if key not in (*WITHOUT_WEIGHT, "callbacks")}
    callbacks = {label: table for label, table in recipe.get("callbacks", {}).items() if label in stopping}
    return kept | {"callbacks": callbacks} | _seen_by_callbacks(recipe) if callbacks else kept


def _seen_by_callbacks(recipe: Mapping[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    if "log_every" in recipe.get("report", {}):
        seen["report"] = {"log_every": recipe["report"]["log_every"]}
    if "evaluate" in recipe:
        seen["evaluate"] = {key: value for key, value in recipe["evaluate"].items() if key != "best"}
        chosen = recipe["evaluate"].get("metrics") or recipe.get("metrics", {})
        seen["metrics"] = {label: table for label, table in recipe.get("metrics", {}).items() if label in chosen}
    return seen


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
