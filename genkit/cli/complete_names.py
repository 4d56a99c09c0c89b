"""Completion of names in a shell: parts, plugins, metrics and keys of recipes. Nothing here imports torch."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer

from genkit.recipe.nested import flatten
from genkit.recipe.shipped import shipped_recipe
from genkit.storage.names import RESOLVED

Named = list[tuple[str, str]]  # a name and its meaning, which zsh and fish show


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Return the completion of an option that takes one of a few names."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def complete_shipped_recipe(incomplete: str) -> Named:
    """Return the shipped recipes and spaces."""
    from genkit.recipe.shipped import shipped_recipes, shipped_spaces

    return _beginning((*shipped_recipes().items(), *shipped_spaces().items()), incomplete)


def complete_part(incomplete: str) -> Named:
    """Return the installed parts of all kinds."""
    from genkit.recipe.registry import load_registry

    parts = (part for found in load_registry().parts.values() for part in found)
    return _beginning(((part.entry.name, part.entry.summary) for part in parts), incomplete)


def complete_score(incomplete: str) -> Named:
    """Return the installed scores."""
    from genkit.recipe.registry import load_registry

    return _beginning(((part.entry.name, part.entry.summary) for part in load_registry().of_kind("scores")), incomplete)


def complete_plugin(incomplete: str) -> list[str]:
    """Return the installed plugins, by the names of their entry points."""
    return [name for name in _installed_plugins() if name.startswith(incomplete)]


def complete_plugins(incomplete: str) -> list[str]:
    """Return the installed plugins, after those that are typed already, and `all` and `none` as the first."""
    names = _installed_plugins()
    return _next_in_list(names if "," in incomplete else ["all", "none", *names], incomplete)


def complete_metrics(context: typer.Context, incomplete: str) -> list[str]:
    """Return the labels of the run that is typed, or the installed metrics if none of them begins so."""
    from genkit.recipe.registry import load_registry

    labels = list(_recipe_of(context).get("metrics", {}))
    if found := _next_in_list(labels, incomplete):
        return found
    return _next_in_list([part.entry.name for part in load_registry().of_kind("metrics")], incomplete)


def complete_key(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of the recipe that is typed, and those of all recipes, each with `=`.

    For a command that reads a run, return the keys that an evaluation can change.
    """
    keys = [key for key, _ in flatten(_recipe_of(context))]
    if "run" in context.params:
        keys = [key for key in keys if key.partition(".")[0] in ("metrics", "data", "seed")]
    else:
        keys += _keys_of_all_recipes()
    return [f"{key}=" for key in dict.fromkeys(keys) if key.startswith(incomplete)]


def complete_key_of_data(context: typer.Context, incomplete: str) -> list[str]:
    """Return the keys of [data] of the run that is typed."""
    return [key for key in complete_key(context, incomplete) if key.startswith("data.")]


def _installed_plugins() -> list[str]:
    from importlib.metadata import entry_points

    from genkit.hooks import ENTRY_POINT_GROUP

    return [point.name for point in entry_points(group=ENTRY_POINT_GROUP)]


def _recipe_of(context: typer.Context) -> Mapping[str, Any]:
    """Return the tables of the recipe, or of the run, that an earlier argument names; empty if it cannot be read."""
    given = context.params.get("recipe") or context.params.get("run") or next(iter(context.args), None)
    if given is None:  # an option without its value, as here, leaves the arguments before it in `args`
        return {}
    try:
        path = Path(given).expanduser()
        path = shipped_recipe(path) or path
        return tomllib.loads((path / RESOLVED if path.is_dir() else path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return {}


def _keys_of_all_recipes() -> list[str]:
    """Return the keys of tables that hold no parts, such as ``train.steps``."""
    from genkit.recipe.tables import Recipe

    keys = []
    for name, hint in get_type_hints(Recipe).items():
        for target in (hint, *get_args(hint)):
            if isinstance(target, type) and is_dataclass(target) and target.__name__ != "Use":
                keys += [f"{name}.{each.name}" for each in fields(target)]
    return ["seed", "title", *keys]


def _next_in_list(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that may end a list with commas, each with what is typed before it."""
    typed, comma, start = incomplete.rpartition(",")
    before = set(typed.split(","))
    return [f"{typed}{comma}{name}" for name in names if name.startswith(start) and name not in before]


def _beginning(named: Iterable[tuple[str, str]], incomplete: str) -> Named:
    return sorted({name: about for name, about in named if name.startswith(incomplete)}.items())
