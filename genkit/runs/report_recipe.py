"""The recipe of a report: every key, what differs from its default, and the commands that train it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.default_values import resolved_values
from genkit.recipe.document import read
from genkit.recipe.nested import KeyPath, leaves
from genkit.recipe.registry import load_registry
from genkit.recipe.values import in_toml
from genkit.runs.run_folder import RunFolder
from genkit.storage.names import RECIPE, RESOLVED


@dataclass(frozen=True)
class RecipeKey:
    """One key with its value."""

    name: str
    value: str
    default: str  # empty if it has none
    differs: bool


@dataclass(frozen=True)
class RecipeTable:
    """One table of the recipe; the first has the keys outside of tables."""

    name: str
    keys: Sequence[RecipeKey]


@dataclass(frozen=True)
class ShownRecipe:
    """The recipe of a run as a report shows it."""

    tables: Sequence[RecipeTable]
    text: str  # of recipe.resolved.toml
    again: str  # the command that trains it again
    with_overrides: str  # the same, from the recipe that the user wrote; empty if that is not known


def shown_recipe(folder: RunFolder, resolved: Mapping[str, Any]) -> ShownRecipe:
    """Return the resolved recipe of a run with its defaults. Parts that are not installed have no known defaults."""
    values = list(resolved_values(resolved, load_registry()))
    tables: dict[str, list[RecipeKey]] = {}
    for path, value, default, is_default in values:
        shown = "" if default is None else in_toml(default)
        tables.setdefault(".".join(path[:-1]), []).append(RecipeKey(path[-1], in_toml(value), shown, not is_default))
    text = folder.resolved.read_text(encoding="utf-8", errors="surrogateescape")
    changed = [(path, value) for path, value, _, is_default in values if not is_default]
    return ShownRecipe(
        [RecipeTable(name, keys) for name, keys in tables.items()],
        text,
        f"genkit run {RESOLVED}",
        _with_overrides(folder, changed),
    )


def _with_overrides(folder: RunFolder, changed: Sequence[tuple[KeyPath, Any]]) -> str:
    """Return the command with the keys that the user's recipe lacks, or has with another value, as options."""
    try:
        written = read(folder.path / RECIPE).tables
    except UsageError:
        return ""
    known = dict(leaves(written))
    known |= {(*path, "use"): value for path, value in known.items()}  # a bare name is short for a table
    missing = [
        f"{'.'.join(path)}={in_toml(value)}"
        for path, value in changed
        if known.get(path, value if path[-1] == "use" else None) != value
    ]
    return " ".join([f"genkit run {RECIPE}", *(f"--set {shlex.quote(text)}" for text in missing)])
