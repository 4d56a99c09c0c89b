"""The keys of a resolved recipe whose value is not the default of their part, by the parts that are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from genkit.errors import GenkitError
from genkit.recipe.binding.part_fields import Form, Parameter, form_of, kind_of, parameters_of, without_none
from genkit.recipe.binding.use_tables import labelled
from genkit.recipe.installed.registry import Registry
from genkit.recipe.resolved import as_recipe_writes
from genkit.recipe.tables import KINDS_OF_TABLES, Recipe
from genkit.recipe.text.nested import KeyPath, leaves, nest

WITHIN_MODEL = {"prior": "priors", "error": "errors"}
UNREADABLE = (GenkitError, ImportError, AttributeError, TypeError, ValueError, NameError)


class ResolvedValue(NamedTuple):
    """A key of a resolved recipe with its value."""

    path: KeyPath
    value: Any
    default: Any  # as TOML holds it; None: the key has none, or other keys decide it, or its part is not installed
    is_default: bool


def resolved_values(tables: Mapping[str, Any], registry: Registry) -> Iterator[ResolvedValue]:
    """Yield each key of a resolved recipe, in order, with its default.

    The name of a part is a choice and has no default, unless it is within a table that has one. A key whose default
    other keys decide counts as a default.
    """
    top = parameters_of(Recipe)
    for name, value in tables.items():
        path, form = (name,), form_of(without_none(top[name].hint)) if name in top else None
        if form is Form.USE and isinstance(value, Mapping):
            yield from _part(value, path, KINDS_OF_TABLES[name], registry)
        elif form is Form.USES and isinstance(value, Mapping):
            for label, table in value.items():
                yield from _of_labelled(labelled(table, label, name), (name, label), KINDS_OF_TABLES[name], registry)
        else:
            yield from _key(value, path, top.get(name), registry)


def unlike_defaults(tables: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a resolved recipe without the keys that have their defaults, which resolves to the same recipe.

    The table of a part that is not installed keeps all keys, since its defaults are unknown, and so does a key whose
    default other keys decide.
    """
    values = resolved_values(tables, registry)
    return nest((each.path, each.value) for each in values if not each.is_default or each.default is None)


def _of_labelled(table: Any, path: KeyPath, kind: str, registry: Registry) -> Iterator[ResolvedValue]:
    if isinstance(table, Mapping):
        yield from _part(table, path, kind, registry)
    else:
        yield ResolvedValue(path, table, None, False)


def _part(table: Mapping[str, Any], path: KeyPath, kind: str, registry: Registry) -> Iterator[ResolvedValue]:
    """Yield the keys of a part's table."""
    target = _target(kind, table.get("use", path[-1]), registry)
    parameters: Mapping[str, Parameter] = {}
    with suppress(*UNREADABLE):
        parameters = parameters_of(target) if target is not None else {}
    dependent = hasattr(target, "dependent_defaults")  # of `core.types.DependentDefaults`
    for key, value in table.items():
        parameter, inner = parameters.get(key), (*path, key)
        if path == ("model",) and key in WITHIN_MODEL and isinstance(value, Mapping):
            yield from _part(value, inner, WITHIN_MODEL[key], registry)
        elif dependent and parameter is not None and parameter.default is None:
            for each in _key(value, inner, parameter, registry):
                yield each if each.is_default else each._replace(default=None, is_default=True)
        else:
            yield from _key(value, inner, parameter, registry)


def _key(value: Any, path: KeyPath, parameter: Parameter | None, registry: Registry) -> Iterator[ResolvedValue]:
    """Yield the leaves of a key: a value, or a table whose keys have the defaults of the table that is the default."""
    default = None if parameter is None or parameter.required else as_recipe_writes(parameter.default, registry)
    if not isinstance(value, Mapping) or not value:
        yield ResolvedValue(path, value, default, default is not None and _equal(value, default))
        return
    hint = without_none(parameter.hint) if parameter is not None else None
    kind = kind_of(hint) if parameter is not None else ""
    if kind and not _equal(value, default):  # a written table has the defaults of its own part
        yield from _part(value, path, kind, registry)
        return
    known = default if isinstance(default, Mapping) else _defaults_of_table(hint, registry)
    of_leaf = dict(_leaves(known)) if known else {}
    for rest, leaf in _leaves(value):
        given = of_leaf.get(rest)
        yield ResolvedValue((*path, *rest), leaf, given, given is not None and _equal(leaf, given))


def _defaults_of_table(hint: Any, registry: Registry) -> dict[str, Any]:
    """Return the defaults of a table without parts, such as ``[train]``; empty for anything else."""
    found: dict[str, Any] = {}
    with suppress(*UNREADABLE):
        if isinstance(hint, type) and hint.__module__ == Recipe.__module__:
            for key, parameter in parameters_of(hint).items():
                default = None if parameter.required else as_recipe_writes(parameter.default, registry)
                found |= {} if default is None else {key: default}
    return found


def _target(kind: str, name: Any, registry: Registry) -> Callable[..., Any] | None:
    with suppress(*UNREADABLE):
        return registry.find(kind, str(name)).load()
    return None


def _leaves(value: Any) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, Mapping) and value:
        yield from leaves(value)
    else:
        yield (), value


def _equal(value: Any, default: Any) -> bool:
    return bool(value == default) and isinstance(value, bool) == isinstance(default, bool)
