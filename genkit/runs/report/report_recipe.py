"""The recipe of a report: every key, what differs from its default, and the command that trains it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.recipe.binding.values import in_toml
from genkit.recipe.default_values import resolved_values
from genkit.recipe.installed.registry import load_registry
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.storage.names import RESOLVED


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
    again: str  # the command that trains it again; that recipe has the options of the call, too


def shown_recipe(folder: RunFolder, resolved: Mapping[str, Any]) -> ShownRecipe:
    """Return the resolved recipe of a run with its defaults. Parts that are not installed have no known defaults."""
    values = list(resolved_values(resolved, load_registry()))
    tables: dict[str, list[RecipeKey]] = {}
    for path, value, default, is_default in values:
        shown = "" if default is None else in_toml(default)
        tables.setdefault(".".join(path[:-1]), []).append(RecipeKey(path[-1], in_toml(value), shown, not is_default))
    text = folder.resolved.read_text(encoding="utf-8", errors="surrogateescape")
    again = f"genkit run {shlex.quote(str(shown_path(folder.path) / RESOLVED))}"
    return ShownRecipe([RecipeTable(name, keys) for name, keys in tables.items()], text, again)


def shown_path(path: Path) -> Path:
    """Return the path of a run as a page shows it: a relative one as it is, of another one the last two names."""
    return Path(*path.parts[-2:]) if path.is_absolute() else path
