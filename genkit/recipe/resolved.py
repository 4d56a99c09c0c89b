"""The resolved recipe: every key with its value and its origin, defaults included."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.types import DependentDefaults
from genkit.recipe.installed.registry import Part, Registry
from genkit.recipe.tables import as_toml
from genkit.recipe.text.document import Document, KeyPath
from genkit.recipe.text.nested import leaves, nest


class Key(NamedTuple):
    """One key of a resolved recipe."""

    path: KeyPath
    value: Any  # as TOML holds it
    origin: str  # "recipes/x.toml:14", "--set", or "default of mlp (genkit-torch 0.1.0)"
    dependent: bool = False  # a default that other keys of the recipe decide

    @property
    def is_default(self) -> bool:
        """Whether the recipe leaves the key out."""
        return self.origin.startswith("default of ")


def as_tables(keys: Iterable[Key]) -> dict[str, Any]:
    """Return keys as nested tables."""
    return nest((key.path, key.value) for key in keys)


@dataclass
class ResolvedKeys:
    """The keys of a recipe that have been bound, in that order, with their origins."""

    document: Document
    registry: Registry
    keys: list[Key] = field(default_factory=list)
    _dependent: dict[KeyPath, str] = field(default_factory=dict)  # the origin of each dependent default

    def add_written(self, path: KeyPath, value: Any) -> None:
        """Add a key that the recipe or an option sets."""
        place = self.document.place(path)
        self._add(path, as_toml(value), place.file if place.line is None else f"{place.file}:{place.line}")

    def add_use(self, path: KeyPath, name: str) -> None:
        """Add the `use` of the table at `path`. A metric's table without `use` is named by its label."""
        if "use" in self._table_in_document(path):
            self.add_written((*path, "use"), name)
        else:
            self._add((*path, "use"), name, "its label")

    def add_default(self, path: KeyPath, default: Any, subject: str, owner: object) -> None:
        """Add the keys that a recipe would write for the default of a part or a table."""
        origin = f"default of {subject}" + (f" ({owner})" if owner else "")
        without_dependent = {rest for rest, _ in _leaves(as_recipe_writes(default, self.registry, dependent=False))}
        for rest, leaf in _leaves(as_recipe_writes(default, self.registry)):
            self._add((*path, *rest), leaf, origin, dependent=rest not in without_dependent)

    def dependent_on_keys(self, part: DependentDefaults, path: KeyPath, supplied_by: Part) -> dict[str, Any]:
        """Return the defaults of a part at `path` that depend on its other keys, as a recipe would write them.

        Keys at these paths that are added from now on have this origin. A default that no recipe can write is left out.
        """
        written = {name: as_recipe_writes(value, self.registry) for name, value in part.dependent_defaults().items()}
        written = {name: value for name, value in written.items() if value is not None}
        origin = f'default of "{supplied_by.entry.name}" for its other keys ({supplied_by.owner})'
        self._dependent |= dict.fromkeys(((*path, name) for name in written), origin)
        return written

    def tables(self) -> dict[str, Any]:
        """Return the resolved recipe as nested tables."""
        return as_tables(self.keys)

    def _add(self, path: KeyPath, value: Any, origin: str, *, dependent: bool = False) -> None:
        around = next((around for around in self._dependent if path[: len(around)] == around), None)
        if around is not None:
            origin, dependent = self._dependent[around], True
        self.keys.append(Key(path, value, origin, dependent))

    def _table_in_document(self, path: KeyPath) -> Mapping[str, Any]:
        """Return the table that the document has at `path`; a bare name is short for a table with that `use`."""
        table: Any = self.document.tables
        for name in path:
            table = table.get(name, {}) if isinstance(table, Mapping) else {}
        return table if isinstance(table, Mapping) else {"use": table}


def as_recipe_writes(default: Any, registry: Registry, *, dependent: bool = True) -> Any:
    """Return a default as TOML holds it; None where a recipe writes nothing.

    Without `dependent`, defaults that depend on other keys are left out.
    """
    if default is None or default is inspect.Parameter.empty or default == {}:
        return None
    if isinstance(default, ConstantSchedule):
        return default.value  # a recipe writes a constant schedule as a number
    if not is_dataclass(default) or isinstance(default, type):
        return as_toml(default)
    name = _name_of(type(default), registry)
    values = {item.name: getattr(default, item.name) for item in fields(default)}
    if dependent and isinstance(default, DependentDefaults):
        values |= default.dependent_defaults()
    written = {key: as_recipe_writes(value, registry, dependent=dependent) for key, value in values.items()}
    table = {"use": name, **written} if name else written
    return {key: value for key, value in table.items() if value is not None} or None


def _name_of(target: type, registry: Registry) -> str | None:
    """Return the name of the part that a class implements; None of a core table."""
    wanted = f"{target.__module__}:{target.__qualname__}"
    return next((name for (_, name), parts in registry.parts.items() if parts[0].entry.target == wanted), None)


def _leaves(value: Any) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the path and the value of each key in a table, or the value itself; nothing for None."""
    if isinstance(value, Mapping):
        yield from leaves(value)
    elif value is not None:
        yield (), value
