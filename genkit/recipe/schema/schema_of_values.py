"""JSON schemas of plain values: a number, a string, a list, ... All schemas are of draft 7, which all editors read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

Schema = dict[str, Any]
ANYTHING: Schema = {}
BOUNDS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf")  # of numbers only


def schema_of_type(hint: Any) -> Schema:
    """Return the JSON schema of a type hint. A type without one has the schema that accepts everything."""
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema):
        return ANYTHING
    return _as_draft_7(schema, schema.get("$defs", {}))


def schema_of_bounds(bounds: Sequence[Any]) -> Schema:
    """Return the schema of bounds of a number, which says nothing of what is no number."""
    number = schema_of_type(Annotated[float, *bounds]) if bounds else ANYTHING
    return {name: limit for name, limit in number.items() if name in BOUNDS}


def without_bounds(schema: Schema) -> Schema:
    """Return a schema without the bounds of a number."""
    return {name: value for name, value in schema.items() if name not in BOUNDS}


def schema_of_all(schemas: Sequence[Schema]) -> Schema:
    """Return a schema that accepts what any of the schemas accepts, as simple as an editor needs it."""
    different = _without_repeats(schemas)
    if len(different) == 1:
        return different[0]
    if all(schema.keys() <= {"enum", "type"} and "enum" in schema for schema in different):
        values = list(dict.fromkeys(value for schema in different for value in schema["enum"]))
        return {"enum": values, **_types(different)}
    unbounded = _without_repeats([without_bounds(schema) for schema in different])
    return unbounded[0] if len(unbounded) == 1 else _types(different)


def or_empty(schema: Schema) -> Schema:
    """Return a schema that also accepts the empty string, with which an override removes a key."""
    if "enum" in schema:
        return {"enum": [*schema["enum"], ""]}
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], {"enum": [""]}]}
    if "type" not in schema or "string" in _types_in(schema):
        return schema
    return {**schema, "type": [*_types_in(schema), "string"], "maxLength": 0}  # maxLength is of strings only


def _types(schemas: Sequence[Schema]) -> Schema:
    """Return the schema of the types that the schemas accept."""
    types = [_types_in(schema) for schema in schemas]
    return {"type": _without_repeats([each for found in types for each in found])} if all(types) else ANYTHING


def _types_in(schema: Schema) -> list[str]:
    """Return the types that a schema accepts; none if it does not say."""
    if "anyOf" in schema:
        types = [_types_in(choice) for choice in schema["anyOf"]]
        return [each for found in types for each in found] if all(types) else []
    found = schema.get("type", [])
    return found if isinstance(found, list) else [found]


def _without_repeats(values: Sequence[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True): value for value in values}.values())


def _as_draft_7(schema: Any, shared: Mapping[str, Any], around: tuple[str, ...] = ()) -> Any:
    """Return a schema of pydantic, which is of draft 2020-12, in draft 7, with shared schemas written out.

    A schema that contains itself cannot be written out: from its second level on it accepts everything.
    """
    if isinstance(schema, list):
        return [_as_draft_7(each, shared, around) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return ANYTHING if name in around else _as_draft_7(shared[name], shared, (*around, name))
    kept = {key: value for key, value in schema.items() if key not in ("$defs", "title", "format", "default")}
    if "const" in kept:
        kept["enum"] = [kept.pop("const")]  # editors complete the values of `enum`
    if "prefixItems" in kept:
        kept["items"] = kept.pop("prefixItems")
    for key in set(kept) - {"enum"}:
        if key == "properties":
            kept[key] = {name: _as_draft_7(inner, shared, around) for name, inner in kept[key].items()}
        else:
            kept[key] = _as_draft_7(kept[key], shared, around)
    return kept
