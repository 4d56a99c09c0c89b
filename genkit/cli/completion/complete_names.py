"""Completion of names in a shell: parts, plugins and choices. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Named = list[tuple[str, str]]  # a name and its meaning, which zsh and fish show


def one_of(*names: str) -> Callable[[str], list[str]]:
    """Return the completion of an option that takes one of a few names."""
    return lambda incomplete: [name for name in names if name.startswith(incomplete)]


def complete_shipped_recipe(incomplete: str) -> Named:
    """Return the shipped recipes and spaces."""
    from genkit.recipe.text.shipped import shipped_recipes, shipped_spaces

    return _beginning((*shipped_recipes().items(), *shipped_spaces().items()), incomplete)


def complete_part(incomplete: str) -> Named:
    """Return the installed parts of all kinds."""
    from genkit.recipe.installed.registry import load_registry

    parts = (part for found in load_registry().parts.values() for part in found)
    return _beginning(((part.entry.name, part.entry.summary) for part in parts), incomplete)


def complete_score(incomplete: str) -> Named:
    """Return the installed scores."""
    from genkit.recipe.installed.registry import load_registry

    return _beginning(((part.entry.name, part.entry.summary) for part in load_registry().of_kind("scores")), incomplete)


def complete_plugin(incomplete: str) -> list[str]:
    """Return the installed plugins, by the names of their entry points."""
    return [name for name in _installed_plugins() if name.startswith(incomplete)]


def complete_plugins(incomplete: str) -> list[str]:
    """Return the installed plugins, after those that are typed already, and `all` and `none` as the first."""
    names = _installed_plugins()
    return next_in_list(names if "," in incomplete else ["all", "none", *names], incomplete)


def _installed_plugins() -> list[str]:
    from importlib.metadata import entry_points

    from genkit.hooks import ENTRY_POINT_GROUP

    return [point.name for point in entry_points(group=ENTRY_POINT_GROUP)]


def next_in_list(names: Iterable[str], incomplete: str) -> list[str]:
    """Return the names that may end a list with commas, each with what is typed before it."""
    typed, comma, start = incomplete.rpartition(",")
    before = set(typed.split(","))
    return [f"{typed}{comma}{name}" for name in names if name.startswith(start) and name not in before]


def _beginning(named: Iterable[tuple[str, str]], incomplete: str) -> Named:
    return sorted({name: about for name, about in named if name.startswith(incomplete)}.items())
