"""JSON schema of recipes, for editors: they complete keys and parts, and mark mistakes while somebody types.

It is derived from the signatures that also bind a recipe, with the parts that are installed. What the plan accepts, the
schema accepts; rules between keys are the plan's alone. The schema is of draft 7, since that is the newest one that
Taplo, Even Better TOML and fastjsonschema read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from genkit.recipe.binding.part_fields import Form, form_of, parameters_of
from genkit.recipe.installed.registry import Registry
from genkit.recipe.schema.schema_of_keys import KeySchema
from genkit.recipe.schema.schema_of_parts import MODEL, PartSchemas
from genkit.recipe.schema.schema_of_values import Schema
from genkit.recipe.tables import KINDS_OF_TABLES, Recipe

DRAFT = "http://json-schema.org/draft-07/schema#"
OF_GENKIT = " of genkit"  # the end of each title


class FileSchema(NamedTuple):
    """The schema of a kind of file."""

    schema: Schema
    left_out: Mapping[str, str]  # why no recipe can use a part that is installed, by kind and name


def schema_of_recipe(registry: Registry) -> FileSchema:
    """Return the JSON schema of recipes whose parts are in the registry."""
    parts = PartSchemas(registry)
    schema = parts.plain_table(keys_of_recipe(parts))
    return FileSchema(schema_of_file("A recipe", schema, parts.definitions, registry), parts.left_out)


def keys_of_recipe(parts: PartSchemas) -> dict[str, KeySchema]:
    """Return the schema of each table and key at the top of a recipe."""
    keys = parts.keys_of(Recipe)
    for name, kind in KINDS_OF_TABLES.items():
        if form_of(parameters_of(Recipe)[name].hint) is Form.USE:
            schema = parts.table(MODEL if name == "model" else kind)
        else:
            schema = parts.labelled_tables(kind)
        keys[name] = keys[name]._replace(schema=schema)
    return keys


def schema_of_file(kind: str, schema: Schema, definitions: Mapping[str, Schema], registry: Registry) -> Schema:
    """Return the complete schema of a kind of file, with the distributions whose parts it knows."""
    title = kind + OF_GENKIT
    supplied = ", ".join(sorted({str(owner) for owner in registry.owners}))
    return {
        "$schema": DRAFT,
        "title": title,
        "description": f"{title}. Parts of {supplied}.",
        **schema,
        "definitions": definitions,
    }


def is_schema_of_genkit(found: object) -> bool:
    """Return whether the content of a JSON file is a schema that `schema_of_file` returned, of any version."""
    if not isinstance(found, Mapping) or found.get("$schema") != DRAFT:
        return False
    return str(found.get("title")).endswith(OF_GENKIT)
