"""JSON schema of spaces of searches. It names the keys of recipes that a search may change, for completion."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import Registry
from genkit.recipe.schema.schema_of_parts import NOTHING, PartSchemas
from genkit.recipe.schema.schema_of_recipe import FileSchema, keys_of_recipe, schema_of_file
from genkit.recipe.schema.schema_of_values import Schema
from genkit.tuning.space import KeySpec, SpaceSpec
from genkit.tuning.space_checks import UNSEARCHABLE

KEY = "key"  # the definition of a searched key


def schema_of_space(registry: Registry) -> FileSchema:
    """Return the JSON schema of spaces for recipes whose parts are in the registry.

    Keys that a space may not search are refused. Any other name is accepted: the recipe decides which keys there are.
    """
    parts = PartSchemas(registry)
    schema = parts.plain_table(parts.keys_of(SpaceSpec))
    of_recipe = PartSchemas(registry, partial=True)
    searched = schema["properties"]["keys"]
    searched["properties"] = {
        name: {"description": about, "allOf": [_reference()]} for name, about in _searchable(of_recipe)
    }
    searched["patternProperties"] = {rf"^({'|'.join(map(re.escape, sorted(UNSEARCHABLE)))})(\.|$)": NOTHING}
    searched["additionalProperties"] = _reference()
    definitions = {KEY: parts.plain_table(parts.keys_of(KeySpec))}
    return FileSchema(schema_of_file("A space of a search", schema, definitions, registry), of_recipe.left_out)


def _searchable(parts: PartSchemas) -> Iterator[tuple[str, str]]:
    """Yield the dotted keys of the tables that each recipe may have, with what they mean."""
    for table, key in keys_of_recipe(parts).items():
        inner: Mapping[str, Schema] = key.schema.get("properties", {})
        if table in UNSEARCHABLE or "additionalProperties" not in key.schema:
            continue
        if isinstance(key.schema["additionalProperties"], Mapping):  # tables by label: the keys are those of a label
            continue
        for name, schema in inner.items():
            yield f"{table}.{name}", schema.get("description") or parameters_of(SpaceSpec)["keys"].doc


def _reference() -> Schema:
    return {"$ref": f"#/definitions/{KEY}"}
