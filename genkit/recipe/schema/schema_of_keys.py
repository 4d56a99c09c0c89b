"""JSON schemas of keys: the schema of the value, and what an editor shows of the key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from genkit.recipe.binding.expected import expected
from genkit.recipe.binding.part_fields import Form, Parameter, form_of, kind_of, without_none
from genkit.recipe.binding.values import in_toml
from genkit.recipe.installed.registry import Registry
from genkit.recipe.resolved import as_recipe_writes
from genkit.recipe.schema.schema_of_values import ANYTHING, Schema, schema_of_all, schema_of_type


class KeySchema(NamedTuple):
    """The schema of a key."""

    schema: Schema  # of the value
    annotations: Mapping[str, Any]  # `description` and `default`, which only an editor reads
    required: bool = False
    kind: str = ""  # of the part that the value is; empty if it is none

    @classmethod
    def of(cls, parameter: Parameter, registry: Registry) -> KeySchema:
        """Return the schema of a key with the description of its parameter; that of a table accepts everything."""
        hint = without_none(parameter.hint)
        schema = schema_of_type(hint) if form_of(hint) is Form.VALUE else ANYTHING
        default = None if parameter.required else as_recipe_writes(parameter.default, registry)
        written = "required" if parameter.required else "" if default is None else in_toml(default)
        annotations: Schema = {"description": described(parameter.doc, expected(parameter.hint), written)}
        if default is not None and _is_json(default):
            annotations["default"] = default
        return cls(schema, annotations, parameter.required, kind_of(hint))

    @property
    def annotated(self) -> Schema:
        """The schema with its annotations."""
        return {**self.schema, **self.annotations}


def _is_json(value: Any) -> bool:
    """Return whether JSON can hold a value, which infinity and some objects of Python are not."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def described(meaning: str, takes: str, default: str) -> str:
    """Return the description of a key as plain text. `default` is empty for a key that is left out by default."""
    ending = {"": "Optional.", "required": "Required."}.get(default, f"Default: {default}.")
    return "\n\n".join(filter(None, (meaning, f"Takes {takes}. {ending}")))


def schema_of_shared_key(by_part: Mapping[str, KeySchema], parts: int) -> Schema:
    """Return the schema of a key of several parts, which are some of `parts` parts of one kind.

    Descriptions that differ, or that are not of all parts, begin with the names of their parts.
    """
    texts: dict[str, list[str]] = {}
    for name, key in by_part.items():
        texts.setdefault(key.annotations["description"], []).append(name)
    schema = schema_of_all([key.schema for key in by_part.values()])
    if len(texts) == 1 and len(by_part) == parts:
        return {**schema, **next(iter(by_part.values())).annotations}
    description = "\n\n".join(f"{', '.join(names)}: {' '.join(text.split())}" for text, names in texts.items())
    defaults = [key.annotations.get("default") for key in by_part.values()]
    same = {"default": defaults[0]} if defaults[0] is not None and all(each == defaults[0] for each in defaults) else {}
    return {**schema, "description": description, **same}
