"""Example values of keys without a default, from their types: a number within bounds, the first choice, a part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from genkit.recipe.binding.part_fields import Form, form_of, kind_of, without_none

PARTS: Mapping[str, Any] = {  # as a recipe writes them
    "schedules": 0.5,
    "divergences": "kl",
    "extractors": "pixels",
    "errors": "squared",
    "scores": "elbo",
    "datasets": "rings",
    "models": "mlp",
}


class NoExample(Exception):
    """A type of which no value can be guessed, such as a path or a name."""


def example_value(hint: Any) -> Any:
    """Return a value of the type of a key, as TOML holds it. Raises `NoExample`."""
    hint = without_none(hint)
    form = form_of(hint)
    if form is Form.PART:
        return PARTS[kind_of(hint)]
    if form is not Form.VALUE:
        raise NoExample
    try:
        return _of_schema(TypeAdapter(hint).json_schema())
    except PydanticSchemaGenerationError:
        raise NoExample from None


def _of_schema(schema: Mapping[str, Any]) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _of_schema(schema["anyOf"][0])
    if "prefixItems" in schema:
        return [_of_schema(item) for item in schema["prefixItems"]]
    if "items" in schema:
        return [_of_schema(schema["items"])] * max(schema.get("minItems", 1), 1)
    kind = schema.get("type")
    if kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    raise NoExample


def _number(schema: Mapping[str, Any], *, whole: bool) -> float | int:
    """Return a number between the bounds: the middle of an interval, or a small one above a lower bound."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf))
    high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf))
    if math.isfinite(low) and math.isfinite(high):
        middle = (low + high) / 2
    elif math.isfinite(high):
        middle = high - 1
    else:
        middle = max(low, 0) + (2 if whole else 0.5)
    return round(middle) if whole else float(middle)
