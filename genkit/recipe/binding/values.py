"""Plain values of a recipe (numbers, strings, lists, mappings), converted to the types of their keys by pydantic."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError
from pydantic_core import ErrorDetails

from genkit.errors import UsageError
from genkit.recipe.binding.expected import expected
from genkit.recipe.text.document import is_unicode
from genkit.recipe.text.nested import KeyPath
from genkit.recipe.text.toml_text import WrittenFloat
from genkit.storage.user_path import user_path

# Errors of pydantic that `expected` does not express: pydantic's own message is reported, too.
NOT_IN_WORDS = (
    *("value_error", "assertion_error", "multiple_of", "too_short", "too_long"),
    *("string_too_short", "string_too_long", "string_pattern_mismatch"),
)
MOST_SHOWN = 200  # characters of a value in a message
BITS = 64  # of the largest integer: seeds have 64, everything else has fewer


class Mismatch(Exception):
    """A value that does not have the type of its key; the message says what was found and what is expected."""

    def __init__(self, message: str, inner: KeyPath = (), text: str = ""):
        super().__init__(message)
        self.inner = inner  # the path, within a mapping, of the value that is wrong
        self.text = text  # the value as text, in quotation marks, if the key takes a text; otherwise empty


def convert(hint: Any, raw: Any) -> Any:
    """Return a value, as TOML holds it, converted to the type `hint`. Raises `Mismatch`."""
    try:
        adapter = TypeAdapter(hint)
    except PydanticSchemaGenerationError:
        raise Mismatch(f"its type, {hint}, cannot be written in TOML. Remove it.") from None
    if isinstance(raw, str) and not is_unicode(raw):
        value = _convert_bytes(adapter, raw)
    else:
        for value in _all_values(raw):
            if isinstance(raw, list) and isinstance(value, float) and not math.isfinite(value):
                raise Mismatch(f"found {value}, expected finite numbers.")
            _refuse_never_valid(value, hint, whole=value is raw)
        try:
            value = adapter.validate_json(json.dumps(raw, default=str), strict=True)
        except ValidationError as error:
            raise _mismatch(hint, raw, error.errors()[0]) from None
    try:
        return user_path(value) if isinstance(value, Path) else value
    except UsageError as error:
        raise Mismatch(f"found {error}") from None


def _convert_bytes(adapter: TypeAdapter[Any], raw: str) -> Any:
    """Return a text that is not UTF-8, which only a path may be."""
    try:
        return adapter.validate_python(Path(raw), strict=True)
    except ValidationError:
        raise Mismatch(f"found {in_toml(raw)}, which is not UTF-8. Write this text in UTF-8.") from None


def _all_values(raw: Any) -> Iterator[Any]:
    """Yield a value, and every value in it."""
    yield raw
    for inner in raw.values() if isinstance(raw, Mapping) else raw if isinstance(raw, list) else ():
        yield from _all_values(inner)


def _refuse_never_valid(value: Any, hint: Any, *, whole: bool) -> None:
    """Raise `Mismatch` for a value that no key takes: a date, a time, a huge integer, or text that is not UTF-8."""
    if isinstance(value, (date, time)):
        text = _as_text(value) if not whole or _takes_text(hint) else ""
        wanted = f", expected {expected(hint)}" if whole else ""
        raise Mismatch(f"found {value}, a {type(value).__name__}{wanted}.", text=text)
    if isinstance(value, int) and value.bit_length() > BITS:
        raise Mismatch(f"found {in_toml(value)}, expected one of at most {BITS}.")
    if isinstance(value, str) and not is_unicode(value):
        raise Mismatch(f"found {in_toml(value)}, which is not UTF-8. Write this text in UTF-8.")


def _mismatch(hint: Any, raw: Any, error: ErrorDetails) -> Mismatch:
    inner: KeyPath = ()
    for name in error["loc"]:  # into a mapping, as far as it goes
        if get_origin(hint) not in (Mapping, dict) or not isinstance(raw, Mapping) or name not in raw:
            break
        hint, raw, inner = get_args(hint)[1], raw[name], (*inner, str(name))
    reason = f" ({error['msg']})" if error["type"] in NOT_IN_WORDS else ""
    text = _as_text(raw) if isinstance(raw, (bool, int, float)) and _takes_text(hint) else ""
    found = in_toml(raw)
    found = found if len(found) <= MOST_SHOWN else f"{found[:MOST_SHOWN]}..."
    return Mismatch(f"found {found}, expected {expected(hint)}{reason}.", inner, text)


def _takes_text(hint: Any) -> bool:
    """Return whether a key of this type takes any text, or a path."""
    try:
        TypeAdapter(hint).validate_json('"text"', strict=True)
    except ValidationError:
        return False
    return True


def _as_text(value: Any) -> str:
    """Return a value that is no text as one: ``"2024"``, ``"1e5"``, ``"2026-11-28"``."""
    return f'"{value}"' if isinstance(value, (date, time)) else f'"{in_toml(value)}"'


def in_toml(value: Any) -> str:
    """Return a value as TOML writes it: ``"4"``, ``true``, ``[1, 2]``, ``1e5``, ``{a = 1}``."""
    if isinstance(value, WrittenFloat):
        return value.text
    if isinstance(value, (date, time)):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(in_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key_in_toml(key)} = {in_toml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, int) and value.bit_length() > BITS:
        return f"an integer of {value.bit_length()} bits"
    return json.dumps(value, ensure_ascii=not is_unicode(str(value)), default=str)


def _key_in_toml(key: Any) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", str(key)) else json.dumps(key, ensure_ascii=False)
