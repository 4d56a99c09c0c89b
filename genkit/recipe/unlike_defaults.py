"""The keys of a resolved recipe whose values are not their defaults: what its author has decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genkit.errors import UsageError
from genkit.recipe.part_fields import KIND_OF_HINT, Form, Parameter, form_of, parameters_of, without_none
from genkit.recipe.registry import Registry
from genkit.recipe.resolved import as_recipe_writes
from genkit.recipe.tables import KINDS_OF_TABLES, Recipe
from genkit.recipe.use_tables import labelled

BESIDE = {"models": {"prior": "priors", "error": "errors"}}  # tables within [model] that no network takes


def unlike_defaults(recipe: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a resolved recipe without the keys that have their defaults. Each part keeps its `use`.

    The table of a part that is not installed keeps all keys, since its defaults are unknown, and so does a key whose
    default other keys decide.
    """
    return _of_table(parameters_of(Recipe), recipe, registry)


def _of_table(parameters: Mapping[str, Parameter], table: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    kept = {}
    for key, value in table.items():
        parameter = parameters.get(key)
        if parameter is None:
            kept[key] = value
            continue
        hint = without_none(parameter.hint)
        form, is_table = form_of(hint), isinstance(value, Mapping)
        if form is Form.USE and is_table:
            kept[key] = _of_part(KINDS_OF_TABLES[key], value, registry)
        elif form is Form.USES and is_table:
            tables = {label: labelled(each, label, key) for label, each in value.items()}
            kept[key] = {label: _of_part(KINDS_OF_TABLES[key], each, registry) for label, each in tables.items()}
        elif form is Form.TABLE and is_table and (inner := _of_table(parameters_of(hint), value, registry)):
            kept[key] = inner
        elif form is not Form.TABLE and not _is_default(parameter, value, registry):
            kept[key] = _of_part(KIND_OF_HINT[hint], value, registry) if form is Form.PART and is_table else value
    return kept


def _of_part(kind: str, table: Any, registry: Registry) -> Any:
    if not isinstance(table, Mapping):
        return table
    try:
        parameters = parameters_of(registry.find(kind, str(table.get("use"))).load())
    except (UsageError, TypeError, ValueError, NameError):
        return dict(table)
    beside = BESIDE.get(kind, {})
    others = {key: value for key, value in table.items() if key not in beside}
    return _of_table(parameters, others, registry) | {
        key: _of_part(beside[key], table[key], registry) for key in beside if key in table and key not in parameters
    }


def _is_default(parameter: Parameter, value: Any, registry: Registry) -> bool:
    if parameter.required:
        return False
    return bool(as_recipe_writes(parameter.default, registry) == value)
