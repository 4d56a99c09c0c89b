"""JSON schema of tables of results. Their `set` tables hold keys of recipes, of which none is required."""

from __future__ import annotations

from genkit.recipe.binding.part_fields import parameters_of
from genkit.recipe.installed.registry import Registry
from genkit.recipe.schema.schema_of_parts import PartSchemas
from genkit.recipe.schema.schema_of_recipe import FileSchema, keys_of_recipe, schema_of_file
from genkit.recipe.schema.schema_of_values import ANYTHING, Schema
from genkit.tables.spec import RowSpec, TableSpec

DOTTED = {r"\.": ANYTHING}  # "train.steps" = 5, in quotation marks, is short for train = { steps = 5 }


def schema_of_table(registry: Registry) -> FileSchema:
    """Return the JSON schema of tables of results, with recipes whose parts are in the registry."""
    parts = PartSchemas(registry)
    schema = parts.plain_table(parts.keys_of(TableSpec))
    overrides = PartSchemas(registry, partial=True)
    definitions = {"set": _overrides(overrides), **overrides.definitions}
    for tables in ("rows", "columns"):
        schema["properties"][tables]["additionalProperties"]["properties"]["set"] = {"$ref": "#/definitions/set"}
    return FileSchema(schema_of_file("A table of results", schema, definitions, registry), overrides.left_out)


def _overrides(parts: PartSchemas) -> Schema:
    return {
        "description": parameters_of(RowSpec)["set"].doc,
        "type": "object",
        "properties": {name: key.annotated for name, key in keys_of_recipe(parts).items()},
        "patternProperties": DOTTED,
        "additionalProperties": False,
    }
