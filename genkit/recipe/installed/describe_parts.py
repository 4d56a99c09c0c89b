"""Descriptions of parts, of their keys, and of the names that two plugins claim, as JSON holds them."""

from __future__ import annotations

import inspect
from typing import Any

from genkit.errors import UsageError
from genkit.hooks import KINDS
from genkit.near_miss import closest
from genkit.recipe.binding.expected import expected
from genkit.recipe.binding.part_fields import SUPPLIED, Parameter, parameters_of
from genkit.recipe.binding.values import in_toml
from genkit.recipe.installed.registry import Part, Registry
from genkit.recipe.resolved import as_recipe_writes


def all_parts(registry: Registry) -> list[Part]:
    """Return every part, by kind and name."""
    return [part for kind in KINDS for part in registry.of_kind(kind)]


def parts_named(registry: Registry, name: str) -> list[Part]:
    """Return the parts of a name, of any kind and owner. Raises `UsageError` with similar names if there are none."""
    parts = all_parts(registry)
    if found := [part for part in parts if part.entry.name == name]:
        return found
    meant = closest(name, {part.entry.name for part in parts})
    hint = f" Did you mean {' or '.join(meant)}?" if meant else registry.hint_of_plugins()
    raise UsageError(f'unknown part "{name}".{hint}')


def part_as_dict(part: Part) -> dict[str, Any]:
    """Return the kind of a part, its entry and its owner."""
    return {"kind": part.kind, **part.entry._asdict(), "owner": str(part.owner)}


def describe_part(part: Part, registry: Registry) -> dict[str, Any]:
    """Return what `part_as_dict` does, the docstring of the part, and its keys.

    Each key has a type and a meaning in words, and a default as TOML writes it. Raises `UsageError` where the part
    cannot be imported or its type hints cannot be resolved.
    """
    target = part.load()
    try:
        parameters = parameters_of(target)
    except (TypeError, ValueError, NameError) as error:
        raise UsageError(f'the fields of "{part.entry.name}" cannot be read: {error} ({part.owner}).') from None
    keys = [
        _describe_key(key, parameter, registry)
        for key, parameter in parameters.items()
        if key not in SUPPLIED.get(part.kind, ())
    ]
    return {**part_as_dict(part), "about": inspect.getdoc(target) or "", "keys": keys}


def name_clashes(registry: Registry) -> list[dict[str, Any]]:
    """Return the kind, the name and the owners of each name that has two owners or more."""
    return [
        {"kind": kind, "name": name, "owners": [str(part.owner) for part in parts]}
        for (kind, name), parts in sorted(registry.parts.items())
        if len(parts) > 1
    ]


def _describe_key(key: str, parameter: Parameter, registry: Registry) -> dict[str, str]:
    return {
        "key": key,
        "takes": expected(parameter.hint),
        "default": _describe_default(parameter, registry),
        "meaning": parameter.doc,
    }


def _describe_default(parameter: Parameter, registry: Registry) -> str:
    if parameter.required:
        return "required"
    default = parameter.default
    written = {} if default == {} else as_recipe_writes(default, registry)
    return "" if written is None else in_toml(written)
