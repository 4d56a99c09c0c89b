"""From tables to typed arguments: the signature of a part is its schema.

The same code binds the core tables (`genkit.recipe.tables`) and the parts of plugins. A mistake in a recipe raises
nothing at once: every problem is collected with its place and its owner, so that all are reported together. Every key
that is bound is recorded with its origin (`genkit.recipe.resolved`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.model import NetworkBuilder
from genkit.core.types import DependentDefaults
from genkit.errors import Problem, UsageError
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.binding.expected import expected
from genkit.recipe.binding.key_remedies import how_to_add, how_to_quote, known_parts
from genkit.recipe.binding.misplaced_keys import hint_of_unknown, keys_of_recipe
from genkit.recipe.binding.part_fields import (
    SUPPLIED,
    SUPPLIERS,
    Form,
    Parameter,
    form_of,
    kind_of,
    parameters_of,
    without_bounds,
    without_none,
)
from genkit.recipe.binding.part_interface import check_interface
from genkit.recipe.binding.schedule_range import beyond_range
from genkit.recipe.binding.use_tables import labelled, use_of
from genkit.recipe.binding.values import Mismatch, convert, in_toml
from genkit.recipe.installed.broken_plugin import NotLoaded
from genkit.recipe.installed.registry import Part, Registry
from genkit.recipe.resolved import ResolvedKeys
from genkit.recipe.text.document import Document, KeyPath
from genkit.recipe.text.placed import narrowed


class Invalid(Exception):
    """A value that could not be bound; its problem has been recorded."""


@dataclass
class Binder:
    """Binds the tables of one document, and collects their problems, parts and resolved keys."""

    registry: Registry
    document: Document
    problems: list[Problem] = field(default_factory=list)
    used: dict[KeyPath, Part] = field(default_factory=dict)  # the part that each table became
    trained: tuple[str, ...] = ()  # tables with which a model was trained, whose numbers may be out of range by now
    resolved: ResolvedKeys = field(init=False)

    def __post_init__(self) -> None:
        self.resolved = ResolvedKeys(self.document, self.registry)

    def problem(self, path: KeyPath, text: str, owner: object = "") -> Invalid:
        """Record a problem at `path`. Raise the result to stop binding the table."""
        path, text = narrowed(path, text, self.document)
        self.problems.append(Problem(self.document.place(path), text, str(owner)))
        return Invalid()

    # Tables

    def part(self, kind: str, table: Any, path: KeyPath) -> Any:
        """Bind a table (or a bare name) to a part of that kind, and construct it. Raises `Invalid`.

        Defaults that depend on other keys are bound as if the recipe had written them, so that the resolved recipe has
        them, and a run that is resumed from it is the same.
        """
        keys_before, used_before = len(self.resolved.keys), dict(self.used)
        target, arguments = self.prepare(kind, table, path)
        part = self.construct(target, arguments, path)
        self._check_interface(kind, part, path)
        if not isinstance(part, DependentDefaults):
            return part
        defaults = self.resolved.dependent_on_keys(part, path, self.used[path])
        if not defaults:
            return part
        del self.resolved.keys[keys_before:]
        self.used = used_before
        written = {"use": table} if isinstance(table, str) else table
        target, arguments = self.prepare(kind, {**written, **defaults}, path)
        return self.construct(target, arguments, path)

    def _check_interface(self, kind: str, part: object, path: KeyPath) -> None:
        try:
            check_interface(kind, part)
        except TypeError as error:
            raise self.problem(path, f"{error}.", self.used[path].owner) from None

    def prepare(
        self, kind: str, table: Any, path: KeyPath, supplied: tuple[str, ...] = ()
    ) -> tuple[Callable[..., Any], dict[str, Any]]:
        """Return the target that a table names, and its arguments without those that the plan supplies.

        Raises `Invalid`.
        """
        if isinstance(table, str):
            table = {"use": table}
        if not isinstance(table, Mapping):
            number = "a number, " if kind == "schedules" else ""
            text = f'found {in_toml(table)}, expected {number}a name or a table with `use = "NAME"`.'
            raise self.problem(path, text + known_parts(self.registry, kind))
        part, target = self._load(kind, table.get("use"), (*path, "use"))
        self.used[path] = part
        self.resolved.add_use(path, part.entry.name)
        arguments = {key: value for key, value in table.items() if key != "use"}
        return target, self.arguments(target, arguments, path, f'"{part.entry.name}"', part.owner, supplied)

    def construct(self, target: Callable[..., Any], arguments: Mapping[str, Any], path: KeyPath) -> Any:
        """Call the target. Any exception that it raises is a problem of its table. Raises `Invalid`."""
        try:
            return target(**arguments)
        except (Exception, SystemExit, GeneratorExit) as error:
            part = self.used.get(path)
            refused = isinstance(error, UsageError) or is_refusal(error) or isinstance(error, TypeError)
            text = str(error) if refused else describe_bug(target, error)
            raise self.problem(path, f"{text}.".replace("..", "."), part.owner if part else "") from None

    def table(self, target: type, table: Any, path: KeyPath) -> Any:
        """Bind a core table to its dataclass. Raises `Invalid`."""
        if not isinstance(table, Mapping):
            raise self.problem(path, f"found {in_toml(table)}, expected a table.")
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
        """Check every key of a table against the signature of `target`, and convert its values.

        `subject` names the target in messages. Raises `Invalid`.
        """
        parameters = {name: each for name, each in parameters_of(target).items() if name not in supplied}
        problems_before = len(self.problems)
        for name in table:
            if name in supplied:
                text = f"not a key of a recipe: the {SUPPLIERS[name]} determines its value. Remove it."
                self.problem((*path, name), text, owner)
            elif name not in parameters:
                keys = keys_of_recipe(self.document, self.registry)
                known = hint_of_unknown(name, parameters, path, keys) or " It has no keys. Remove it."
                self.problem((*path, name), f"unknown key of {subject}.{known}", owner)

        bound = {}
        for name, parameter in parameters.items():
            if name in table:
                try:
                    bound[name] = self.value(parameter.hint, table[name], (*path, name), owner)
                except Invalid:
                    continue
            elif parameter.required:
                self._missing((*path, name), parameter, subject, owner)
            else:
                self.resolved.add_default((*path, name), parameter.default, subject, owner)
                if parameter.completed:
                    bound[name] = parameter.default
        if len(self.problems) > problems_before:
            raise Invalid
        return bound

    def _load(self, kind: str, name: Any, path: KeyPath) -> tuple[Part, Any]:
        """Return the part of that name, and its target."""
        if name is None:
            raise self.problem(path, f"missing (the name of a part is required).{known_parts(self.registry, kind)}")
        if not isinstance(name, str):
            raise self.problem(path, f"found {in_toml(name)}, expected a name.{known_parts(self.registry, kind)}")
        supplier = self.document.suppliers.get(".".join(path[:-1]))
        remedy = f" {supplier.remedy}" if supplier is not None and supplier.part == name else ""
        try:
            part = self.registry.find(kind, name, remedy)
            target = part.load()
        except UsageError as error:
            again = remedy if isinstance(error, NotLoaded) else ""  # other messages have it
            raise self.problem(path, f"{error}{again}") from None
        try:
            parameters_of(target)
        except (TypeError, ValueError, NameError) as error:
            raise self.problem(path, f'the fields of "{name}" cannot be read: {error}.', part.owner) from None
        return part, target

    def _missing(self, path: KeyPath, parameter: Parameter, subject: str, owner: object) -> None:
        kind = kind_of(parameter.hint)
        known = known_parts(self.registry, kind)
        text = f"missing (required by {subject}; {expected(parameter.hint)}).{how_to_add(path, parameter.hint)}{known}"
        if kind in ("extractors", "datasets") or parameter.hint is Path:  # which one, or where to get it
            text += f" {parameter.doc}" if parameter.doc else ""
        self.problem(path, text, owner)

    # Values

    def value(self, hint: Any, raw: Any, path: KeyPath, owner: object) -> Any:
        """Bind one value to its type. Raises `Invalid`."""
        hint = without_bounds(hint) if path[0] in self.trained else without_none(hint)
        if isinstance(raw, float) and not math.isfinite(raw):
            raise self.problem(path, f"found {raw}, expected a finite number.", owner)
        match form_of(hint):
            case Form.PART:
                part = self._inner_part(kind_of(hint), raw, path)
                if wrong := beyond_range(part, hint):
                    raise self.problem(path, wrong, owner)
                return part
            case Form.USE:
                return use_of(raw)
            case Form.USES:
                return {name: use_of(labelled(table, name, path[0])) for name, table in self._tables(raw, path).items()}
            case Form.TABLE:
                return self.table(hint, raw, path)
            case Form.TABLES:
                target = get_args(hint)[1]
                return {name: self.table(target, each, (*path, name)) for name, each in self._tables(raw, path).items()}
            case Form.VALUE:
                return self._plain(hint, raw, path, owner)

    def _inner_part(self, kind: str, raw: Any, path: KeyPath) -> Any:
        """Bind a part within a part. A number is short for a constant schedule."""
        if kind == "schedules" and isinstance(raw, (int, float)) and not isinstance(raw, bool):
            return ConstantSchedule(self._plain(float | int, raw, path, ""))
        if kind == "models":  # the network around it constructs it
            return NetworkBuilder(*self.prepare(kind, raw, path, SUPPLIED[kind]))
        return self.part(kind, raw, path)

    def _tables(self, raw: Any, path: KeyPath) -> Mapping[str, Any]:
        """Return a value that must hold tables by name."""
        if not isinstance(raw, Mapping):
            raise self.problem(path, f"found {in_toml(raw)}, expected tables [{'.'.join(path)}.NAME].")
        return raw

    def _plain(self, hint: Any, raw: Any, path: KeyPath, owner: object) -> Any:
        """Bind a number, a string, a list or the like."""
        try:
            value = convert(hint, raw)
        except Mismatch as mismatch:
            inner = (*path, *mismatch.inner)
            raise self.problem(inner, f"{mismatch}{how_to_quote(self.document, inner, mismatch.text)}", owner) from None
        self.resolved.add_written(path, raw)
        return value
