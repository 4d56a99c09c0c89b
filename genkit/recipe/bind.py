"""From tables to typed arguments: the signature of a part is its schema.

The same code binds the core tables (`genkit.recipe.tables`) and the parts of plugins. Nothing is raised for a mistake
in a recipe: every problem is collected with its place and its owner, so that all are reported at once. Every key that
was bound is recorded with its origin, so that the resolved recipe can be written and explained.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from genkit.core.constant_schedule import ConstantSchedule
from genkit.errors import Problem, UsageError, near_miss
from genkit.recipe.document import Document, KeyPath
from genkit.recipe.part_fields import KIND_OF_HINT, expected, parameters_of, without_none
from genkit.recipe.registry import Part, Registry
from genkit.recipe.tables import Use


class Key(NamedTuple):
    """One key of a resolved recipe."""

    path: KeyPath
    value: Any  # as TOML holds it
    origin: str  # "recipes/x.toml:14", "--set", or "default of mlp (genkit-torch 0.1.0)"


class Invalid(Exception):
    """A value that could not be bound; its problem has been recorded."""


@dataclass
class Binder:
    """Binds the tables of one document, and remembers what it found."""

    registry: Registry
    document: Document
    problems: list[Problem] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    used: dict[KeyPath, Part] = field(default_factory=dict)  # which part each table became

    def problem(self, path: KeyPath, text: str, owner: object = "") -> Invalid:
        """Record a problem at `path`; the result may be raised to leave what cannot go on."""
        self.problems.append(Problem(self.document.place(path), text, str(owner)))
        return Invalid()

    def part(self, kind: str, table: Any, path: KeyPath) -> Any:
        """Bind a table (or a bare name) to a part of that kind, and construct it. Raises `Invalid`."""
        target, arguments = self.prepare(kind, table, path)
        return self.construct(target, arguments, path)

    def prepare(
        self, kind: str, table: Any, path: KeyPath, supplied: tuple[str, ...] = ()
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return the target that a table names and its arguments, but for those that the plan supplies."""
        if isinstance(table, str):
            table = {"use": table}
        if not isinstance(table, Mapping):
            raise self.problem(path, f'found {table!r}, expected a table with `use = "NAME"`.{self._known(kind)}')
        if not isinstance(table.get("use"), str):
            raise self.problem((*path, "use"), f"names no part.{self._known(kind)}")
        try:
            part = self.registry.find(kind, table["use"])
            target = part.load()
            parameters_of(target)
        except UsageError as error:
            raise self.problem((*path, "use"), str(error)) from None
        except (TypeError, ValueError, NameError) as error:  # a signature that cannot be read
            text = f'the fields of "{table["use"]}" cannot be read: {error}.'
            raise self.problem((*path, "use"), text, self.registry.find(kind, table["use"]).owner) from None

        self.used[path] = part
        self._record((*path, "use"), table["use"], written="use" in self._written(path))
        arguments = {key: value for key, value in table.items() if key != "use"}
        return target, self.arguments(target, arguments, path, f'"{part.entry.name}"', part.owner, supplied)

    def construct(self, target: Callable[..., Any], arguments: Mapping[str, Any], path: KeyPath) -> Any:
        """Call the target; a `ValueError` that it raises is a problem of its table."""
        try:
            return target(**arguments)
        except (ValueError, TypeError) as error:
            part = self.used.get(path)
            raise self.problem(path, f"{error}.".replace("..", "."), part.owner if part else "") from None

    def table(self, target: type, table: Any, path: KeyPath) -> Any:
        """Bind a core table to its dataclass. Raises `Invalid`."""
        if not isinstance(table, Mapping):
            raise self.problem(path, f"found {table!r}, expected a table.")
        return self.construct(target, self.arguments(target, table, path, f"[{'.'.join(path)}]"), path)

    def arguments(
        self,
        target: Callable[..., Any],
        table: Mapping[str, Any],
        path: KeyPath,
        subject: str,
        owner: object = "",
        supplied: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Check every key of a table against the signature of `target`, and convert its values. Raises `Invalid`."""
        parameters = parameters_of(target)
        problems_before = len(self.problems)
        for name in table:
            if name in supplied:
                self.problem((*path, name), "is given by the data set, and is no key of a recipe.", owner)
            elif name not in parameters:
                hint = near_miss(name, set(parameters) - set(supplied))
                self.problem((*path, name), f"unknown key of {subject}.{hint}", owner)

        bound = {}
        for name, parameter in parameters.items():
            if name in supplied:
                continue
            if name in table:
                try:
                    bound[name] = self.value(parameter.hint, table[name], (*path, name), owner)
                except Invalid:
                    continue
            elif parameter.required:
                known = self._known(KIND_OF_HINT.get(without_none(parameter.hint), ""))
                self.problem((*path, name), f"missing; {subject} needs it, {expected(parameter.hint)}.{known}", owner)
            else:
                self._record_default((*path, name), parameter.default, subject, owner)
        if len(self.problems) > problems_before:
            raise Invalid
        return bound

    def value(self, hint: Any, raw: Any, path: KeyPath, owner: object) -> Any:
        """Bind one value to its type. Raises `Invalid`."""
        hint = without_none(hint)
        if isinstance(raw, float) and not math.isfinite(raw):
            raise self.problem(path, f"found {raw}, expected a finite number.", owner)
        if kind := KIND_OF_HINT.get(hint):
            if kind == "schedules" and isinstance(raw, (int, float)) and not isinstance(raw, bool):
                self._record(path, raw)
                return ConstantSchedule(raw)
            return self.part(kind, raw, path)
        if hint is Use:
            return self._use(raw, path)
        if get_origin(hint) is not None and get_args(hint)[-1:] == (Use,):
            return self._uses(raw, path)
        if isinstance(hint, type) and is_dataclass(hint):
            return self.table(hint, raw, path)
        if get_origin(hint) is Mapping and is_dataclass(get_args(hint)[1]):
            return self._tables(get_args(hint)[1], raw, path)

        try:
            value = TypeAdapter(hint).validate_json(json.dumps(raw, default=str), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            wanted = first["msg"].replace("Input should be", "expected")
            if get_origin(hint) is Mapping:
                path, raw = (*path, *map(str, first["loc"])), first["input"]
            elif first["loc"]:  # within a list
                wanted = f"expected {expected(hint)}"
            raise self.problem(path, f"found {raw!r}, {wanted}.", owner) from None
        except PydanticSchemaGenerationError:
            raise self.problem(path, f"has a type that no recipe can state, {hint}.", owner) from None
        self._record(path, raw)
        return value

    def resolved(self) -> dict[str, Any]:
        """Return the whole recipe with every default, as nested tables."""
        tables: dict[str, Any] = {}
        for key in self.keys:
            inner = tables
            for name in key.path[:-1]:
                inner = inner.setdefault(name, {})
            inner[key.path[-1]] = key.value
        return tables

    def _known(self, kind: str) -> str:
        """Return which parts of a kind there are, as the end of a message; empty of what is no part."""
        names = ", ".join(part.entry.name for part in self.registry.of_kind(kind))
        return f" Known {kind}: {names}." if names else ""

    def _tables(self, target: type, raw: Any, path: KeyPath) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise self.problem(path, f"found {raw!r}, expected tables [{'.'.join(path)}.NAME].")
        return {name: self.table(target, table, (*path, name)) for name, table in raw.items()}

    def _use(self, raw: Any, path: KeyPath) -> Use:
        if isinstance(raw, Use):
            return raw
        if not isinstance(raw, Mapping) or not isinstance(raw.get("use"), str):
            return Use("")  # the plan binds every part next, and reports this one there
        return Use(raw["use"], **{key: value for key, value in raw.items() if key != "use"})

    def _uses(self, raw: Any, path: KeyPath) -> dict[str, Use]:
        if not isinstance(raw, Mapping):
            raise self.problem(path, f"found {raw!r}, expected tables [{'.'.join(path)}.NAME].")
        return {name: self._use(labelled(table, name, path[0]), (*path, name)) for name, table in raw.items()}

    def _written(self, path: KeyPath) -> Mapping[str, Any]:
        table: Any = self.document.tables
        for name in path:
            table = table.get(name, {}) if isinstance(table, Mapping) else {}
        return table if isinstance(table, Mapping) else {"use": table}

    def _record(self, path: KeyPath, value: Any, *, written: bool = True) -> None:
        place = self.document.place(path)
        where = place.file if place.line is None else f"{place.file}:{place.line}"
        self.keys.append(Key(path, _plain(value), where if written else "its label"))

    def _record_default(self, path: KeyPath, default: Any, subject: str, owner: object) -> None:
        origin = f"default of {subject}" + (f" ({owner})" if owner else "")
        for inner, value in self._described(default):
            self.keys.append(Key((*path, *inner), _plain(value), origin))

    def _described(self, default: Any) -> list[tuple[KeyPath, Any]]:
        """Return a default as the keys that a recipe would write for it."""
        if default is None or default is inspect.Parameter.empty:
            return []
        if not is_dataclass(default) or isinstance(default, type):
            return [] if default == {} else [((), default)]
        if isinstance(default, ConstantSchedule):
            return [((), default.value)]  # a schedule that is a number is written as one
        values = {item.name: getattr(default, item.name) for item in fields(default)}
        name = self._name_of(type(default))
        described = [(("use",), name)] if name else []
        return described + [
            ((key, *inner), leaf) for key, value in values.items() for inner, leaf in self._described(value)
        ]

    def _name_of(self, target: type) -> str | None:
        wanted = f"{target.__module__}:{target.__qualname__}"
        return next((name for (_, name), parts in self.registry.parts.items() if parts[0].entry.target == wanted), None)


def labelled(table: Any, label: str, of: str) -> Any:
    """Return a table of `of` with its `use`: a metric's label is its name, unless it says otherwise."""
    return {"use": label, **table} if of == "metrics" and isinstance(table, Mapping) else table


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return str(value) if isinstance(value, Path) else value
