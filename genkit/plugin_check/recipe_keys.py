"""Keys of parts that recipes set: those of the recipes of a plugin, else those that genkit ships."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genkit.errors import GenkitError
from genkit.plugin_check.installed import InstalledPlugin
from genkit.recipe.binding.bind import Binder
from genkit.recipe.binding.bind_recipe import bind_recipe
from genkit.recipe.installed.registry import Part
from genkit.recipe.text.document import Document, is_recipe, read
from genkit.recipe.text.nested import KeyPath
from genkit.recipe.text.shipped import recipes_folder

PROJECT = "pyproject.toml"


@dataclass(frozen=True)
class RecipeTable:
    """The keys of a part in a recipe."""

    keys: Mapping[str, Any]
    recipe: Path


def recipe_tables(plugin: InstalledPlugin) -> dict[tuple[str, str], RecipeTable]:
    """Return the keys of each part of a plugin in the first recipe that uses it, by kind and name."""
    found: dict[tuple[str, str], RecipeTable] = {}
    for recipe in (*_own_recipes(plugin), *sorted(recipes_folder().glob("*.toml"))):
        wanted = [part for part in plugin.parts if (part.kind, part.entry.name) not in found]
        if any(f'"{part.entry.name}"' in _text(recipe) or f".{part.entry.name}]" in _text(recipe) for part in wanted):
            for part, table in _tables_of(recipe, plugin, wanted):
                found.setdefault((part.kind, part.entry.name), RecipeTable(table, recipe))
    return found


def _own_recipes(plugin: InstalledPlugin) -> Iterator[Path]:
    """Yield the recipes within the package, then those in the folder of its project, if it is installed from there."""
    home = plugin.folder or plugin.files[0].parent
    if plugin.folder is not None:
        yield from sorted(home.rglob("*.toml"))
    project = home.parent if plugin.folder is not None else home
    if (project / PROJECT).is_file():
        yield from sorted(path for path in project.glob("*.toml") if path.name != PROJECT)
        yield from sorted((project / "recipes").rglob("*.toml"))


def _tables_of(
    recipe: Path, plugin: InstalledPlugin, wanted: Iterable[Part]
) -> Iterator[tuple[Part, Mapping[str, Any]]]:
    """Yield the wanted parts that a recipe uses, with their keys; nothing for a file that is no recipe."""
    try:
        document = read(recipe)
    except GenkitError:
        return
    if not is_recipe(document.tables):
        return
    binder = Binder(plugin.registry, document)
    bind_recipe(binder)  # some of its parts may be bound, whatever else is wrong
    for path, part in binder.used.items():
        if part in wanted:
            yield part, _keys_at(document, path)


def _keys_at(document: Document, path: KeyPath) -> dict[str, Any]:
    table: Any = document.tables
    for name in path:
        table = table[name] if isinstance(table, Mapping) and name in table else {}
    keys = {key: value for key, value in table.items() if key != "use"} if isinstance(table, Mapping) else {}
    if path == ("model",):  # these are tables of parts of their own
        keys = {key: value for key, value in keys.items() if key not in ("prior", "error")}
    return keys


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
