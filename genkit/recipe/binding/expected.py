"""The values that a key takes, in words: ``a positive integer``, ``one of "none", "tanh"``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from genkit.recipe.binding.part_fields import Form, bounds_of, form_of, kind_of, without_none

WORDS_OF_KIND = {
    "schedules": "a number or a schedule",
    "divergences": "a divergence",
    "extractors": "an extractor",
    "errors": "a reconstruction error",
    "scores": "a score",
    "datasets": "a data set",
    "models": "a network",
}


def expected(hint: Any) -> str:
    """Return the values that a key takes, in words: ``a positive integer``, ``one of "none", "tanh"``."""
    hint = without_none(hint)
    form = form_of(hint)
    if form is Form.PART:
        words = WORDS_OF_KIND[kind_of(hint)]
        return f"{numbers_within(bounds)}, or a schedule of such numbers" if (bounds := bounds_of(hint)) else words
    if form in (Form.USE, Form.TABLE):
        return "a table"
    if form in (Form.USES, Form.TABLES):
        return "tables"
    try:
        schema = TypeAdapter(hint).json_schema()
    except PydanticSchemaGenerationError:
        return str(hint)
    return _in_words(schema)


def numbers_within(bounds: tuple[Any, ...]) -> str:
    """Return the numbers within bounds in words: ``a number >= 0``."""
    return _in_words(TypeAdapter(Annotated[float, *bounds]).json_schema())


NOUNS = {
    "integer": "an integer",
    "number": "a number",
    "string": "a string",
    "boolean": "true or false",
    "object": "a table",
}
SIGNS = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}


def _in_words(schema: Mapping[str, Any]) -> str:
    """Return a JSON schema in words."""
    if "enum" in schema or "const" in schema:
        choices = ", ".join(json.dumps(choice) for choice in schema.get("enum", [schema.get("const")]))
        return f"one of {choices}" if "enum" in schema else choices
    if "anyOf" in schema:
        return ", or ".join(_in_words(choice) for choice in schema["anyOf"])
    if "prefixItems" in schema:
        items = [_in_words(item) for item in schema["prefixItems"]]
        words = f", each {items[0]}" if len(set(items)) == 1 else f" ({'; '.join(items)})"
        return f"a list of {len(items)} items{words}"
    if "items" in schema:
        return f"a list, each item {_in_words(schema['items'])}"
    if schema.get("format") == "path":
        return "a path"
    return _with_bounds(NOUNS.get(schema.get("type", ""), "a value"), schema)


def _with_bounds(noun: str, schema: Mapping[str, Any]) -> str:
    bounds = {bound: schema[bound] for bound in SIGNS if bound in schema}
    if bounds == {"exclusiveMinimum": 0}:
        return f"a positive {noun.split()[-1]}"
    if bounds.keys() == {"minimum", "maximum"}:
        return f"{noun} from {bounds['minimum']} to {bounds['maximum']}"
    return f"{noun} {' and '.join(f'{SIGNS[bound]} {limit}' for bound, limit in bounds.items())}".strip()
