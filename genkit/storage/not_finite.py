"""Numbers that JSON does not have: inf, -inf and nan.

Python writes them as ``Infinity`` and ``NaN``, which strict parsers refuse. Here null takes the place of each, and the
number is kept beside the value, under its JSON pointer (RFC 6901).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any


def without_not_finite(value: Any) -> tuple[Any, dict[str, str]]:
    """Return a value of JSON with null for each number that is not finite, and these numbers by JSON pointer."""
    strict = deepcopy(value)
    numbers = {}
    for pointer, holder, key in _places(strict):
        if isinstance(holder[key], float) and not math.isfinite(holder[key]):
            numbers[pointer], holder[key] = repr(float(holder[key])), None
    return strict, numbers


def with_not_finite(value: Any, numbers: Mapping[str, Any]) -> Any:
    """Return the value that `without_not_finite` was given. Raises `ValueError` if it cannot have been one."""
    whole = deepcopy(value)
    left = dict(numbers)
    for pointer, holder, key in _places(whole):
        if pointer in left and holder[key] is None:
            number = left.pop(pointer)
            if number not in ("inf", "-inf", "nan"):
                raise ValueError(f"{pointer}: expected inf, -inf or nan")
            holder[key] = float(number)
    if left:
        raise ValueError(f"{next(iter(left))}: no null there")
    return whole


def _places(value: Any, pointer: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield each place within tables and lists: its JSON pointer, the table or list, and the key or index."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        name = str(key).replace("~", "~0").replace("/", "~1")
        yield f"{pointer}/{name}", value, key
        yield from _places(inner, f"{pointer}/{name}")
