"""Plain values of a recipe (numbers, strings, lists, mappings), converted to the types of their keys by pydantic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import ErrorDetails

from genkit.recipe.nested import KeyPath
from genkit.recipe.part_fields import expected

# Errors of pydantic that `expected` does not express: pydantic's own message is reported, too.
NOT_IN_WORDS = (
    *("value_error", "assertion_error", "multiple_of", "too_short", "too_long"),
    *("string_too_short", "string_too_long", "string_pattern_mismatch"),
)


class Mismatch(Exception):
    """A value that does not have the type of its key; the message says what was found and what is expected."""

    def __init__(self, message: str, inner: KeyPath = ()):
        super().__init__(message)
        self.inner = inner  # the path, within a mapping, of the value that is wrong


def convert(hint: Any, raw: Any) -> Any:
    """Return a value, as TOML holds it, converted to the type `hint`. Raises `Mismatch`."""
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        raise Mismatch(f"its type, {hint}, cannot be written in TOML. Remove it.") from None
    try:
        return adapter.validate_json(json.dumps(raw, default=str), strict=True)
    except ValidationError as error:
        raise _mismatch(hint, raw, error.errors()[0]) from None


def _mismatch(hint: Any, raw: Any, error: ErrorDetails) -> Mismatch:
    inner: KeyPath = ()
    for name in error["loc"]:  # into a mapping, as far as it goes
        if get_origin(hint) not in (Mapping, dict) or not isinstance(raw, Mapping) or name not in raw:
            break
        hint, raw, inner = get_args(hint)[1], raw[name], (*inner, str(name))
    reason = f" ({error['msg']})" if error["type"] in NOT_IN_WORDS else ""
    return Mismatch(f"found {in_toml(raw)}, expected {expected(hint)}{reason}.", inner)


def in_toml(value: Any) -> str:
    """Return a value much as TOML writes it: ``"4"``, ``true``, ``[1, 2]``."""
    return json.dumps(value, ensure_ascii=False, default=str)
