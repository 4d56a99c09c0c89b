"""The signature of a part is its schema: what it takes, by name, with types, defaults and words for them."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError

from genkit.core.field_types import Doc
from genkit.core.metric import Extractor
from genkit.core.types import Divergence, Schedule
from genkit.recipe.tables import Use

KIND_OF_HINT: dict[Any, str] = {Schedule: "schedules", Divergence: "divergences", Extractor: "extractors"}
WORDS_OF_KIND = {"schedules": "a number or a schedule", "divergences": "a divergence", "extractors": "an extractor"}


class Parameter(NamedTuple):
    """One key that a part takes."""

    hint: Any
    default: Any
    required: bool
    doc: str = ""  # what its `Doc` says; empty where it has none


@cache
def parameters_of(target: Callable[..., Any]) -> dict[str, Parameter]:
    """Return what a class or function takes, by name, with types and defaults."""
    hints = get_type_hints(target if is_dataclass(target) else _initialiser(target), include_extras=True)
    made = {item.name: item.default_factory() for item in _fields(target) if item.default_factory is not MISSING}
    return {
        name: Parameter(
            without_doc(hints.get(name, Any)),
            made.get(name, parameter.default),
            parameter.default is inspect.Parameter.empty,
            doc_of(hints.get(name, Any)),
        )
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    }


def doc_of(hint: Any) -> str:
    """Return the sentence of the `Doc` in a type hint; empty where it has none."""
    return next((extra.documentation for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, Doc)), "")


def without_doc(hint: Any) -> Any:
    """Return a type hint without its `Doc`."""
    if get_origin(hint) is not Annotated or not doc_of(hint):
        return hint
    kept = tuple(extra for extra in hint.__metadata__ if not isinstance(extra, Doc))
    return Annotated[(hint.__origin__, *kept)] if kept else hint.__origin__


def _fields(target: Any) -> tuple[Field[Any], ...]:
    return fields(target) if is_dataclass(target) else ()


def _initialiser(target: Any) -> Any:
    return target.__init__ if inspect.isclass(target) else target


def expected(hint: Any) -> str:
    """Say what a field takes, in words: ``a positive integer``, ``one of "none", "tanh"``."""
    hint = without_none(hint)
    if kind := KIND_OF_HINT.get(hint):
        return WORDS_OF_KIND[kind]
    if hint is Use or is_dataclass(hint):
        return "a table"
    if get_args(hint)[-1:] == (Use,):
        return "tables"
    try:
        schema = TypeAdapter(hint).json_schema()
    except PydanticSchemaGenerationError:
        return str(hint)
    return _in_words(schema)


def _in_words(schema: Mapping[str, Any]) -> str:
    if "enum" in schema or "const" in schema:
        return "one of " + ", ".join(json.dumps(choice) for choice in schema.get("enum", [schema.get("const")]))
    if "anyOf" in schema:
        return " or ".join(_in_words(choice) for choice in schema["anyOf"])
    if "prefixItems" in schema:
        return f"a list of {len(schema['prefixItems'])}: " + ", ".join(map(_in_words, schema["prefixItems"]))
    if "items" in schema:
        return f"a list, each {_in_words(schema['items'])}"
    noun = {"integer": "an integer", "number": "a number", "string": "a text", "boolean": "true or false"}
    words = noun.get(schema.get("type", ""), "a value")
    signs = (("exclusiveMinimum", ">"), ("minimum", ">="), ("exclusiveMaximum", "<"), ("maximum", "<="))
    bounds = " and ".join(f"{sign} {schema[bound]}" for bound, sign in signs if bound in schema)
    return "a path" if schema.get("format") == "path" else f"{words} {bounds}".strip()


def without_none(hint: Any) -> Any:
    """Return X for ``X | None``: that a key may be absent is said by its default."""
    if get_origin(hint) in (Union, types.UnionType):
        others = [choice for choice in get_args(hint) if choice is not type(None)]
        return others[0] if len(others) == 1 else Union[tuple(others)]  # noqa: UP007, made at run time
    return hint
