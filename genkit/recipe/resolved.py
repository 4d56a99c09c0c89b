"""The resolved recipe: every key with its value and its origin, defaults included."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple

from genkit.core.constant_schedule import ConstantSchedule
from genkit.recipe.document import Document, KeyPath
from genkit.recipe.nested import leaves, nest
from genkit.recipe.registry import Registry
from genkit.recipe.tables import as_toml


class Key(NamedTuple):
    """One key of a resolved recipe."""

    path: KeyPath
    value: Any  # as TOML holds it
    origin: str  # "recipes/x.toml:14", "--set", or "default of mlp (genkit-torch 0.1.0)"


@dataclass
class ResolvedKeys:
    """The keys of a recipe that have been bound, in that order, with their origins."""

    document: Document
    registry: Registry
    keys: list[Key] = field(default_factory=list)

    def add_written(self, path: KeyPath, value: Any) -> None:
        """Add a key that the recipe or an option sets."""
        place = self.document.place(path)
        self.keys.append(Key(path, as_toml(value), place.file if place.line is None else f"{place.file}:{place.line}"))

    def add_use(self, path: KeyPath, name: str) -> None:
        """Add the `use` of the table at `path`. A metric's table without `use` is named by its label."""
        if "use" in self._table_in_document(path):
            self.add_written((*path, "use"), name)
        else:
            self.keys.append(Key((*path, "use"), name, "its label"))

    def add_default(self, path: KeyPath, default: Any, subject: str, owner: object) -> None:
        """Add the keys that a recipe would write for the default of a part or a table."""
        value = self._as_written(default)
        if value is None:
            return
        origin = f"default of {subject}" + (f" ({owner})" if owner else "")
        inner = leaves(value) if isinstance(value, Mapping) else [((), value)]
        self.keys += (Key((*path, *rest), leaf, origin) for rest, leaf in inner)

    def tables(self) -> dict[str, Any]:
        """Return the resolved recipe as nested tables."""
        return nest((key.path, key.value) for key in self.keys)

    def _table_in_document(self, path: KeyPath) -> Mapping[str, Any]:
        """Return the table that the document has at `path`; a bare name is short for a table with that `use`."""
        table: Any = self.document.tables
        for name in path:
            table = table.get(name, {}) if isinstance(table, Mapping) else {}
        return table if isinstance(table, Mapping) else {"use": table}

    def _as_written(self, default: Any) -> Any:
        """Return a default as TOML holds it; None where a recipe writes nothing."""
        if default is None or default is inspect.Parameter.empty or default == {}:
            return None
        if isinstance(default, ConstantSchedule):
            return default.value  # a recipe writes a constant schedule as a number
        if not is_dataclass(default) or isinstance(default, type):
            return as_toml(default)
        name = self._name_of(type(default))
        values = {item.name: self._as_written(getattr(default, item.name)) for item in fields(default)}
        table = {"use": name, **values} if name else values
        return {key: value for key, value in table.items() if value is not None} or None

    def _name_of(self, target: type) -> str | None:
        """Return the name of the part that a class implements; None of a core table."""
        wanted = f"{target.__module__}:{target.__qualname__}"
        return next((name for (_, name), parts in self.registry.parts.items() if parts[0].entry.target == wanted), None)
