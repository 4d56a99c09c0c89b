"""Whole numbers of a user, such as a number of samples, a seed or an index."""

from __future__ import annotations

import operator
from typing import Any

from genkit.errors import UsageError


def whole_number(value: Any, where: str, least: int) -> int:
    """Return a whole number of Python, NumPy or torch. Raises `UsageError`, which begins with `where`, for others."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise UsageError(f"{where} = {value!r}; expected a whole number, {least} or more.")
    return number


def checked_index(value: Any, number: int, what: str, item: str, advice: str) -> int:
    """Return an index of a sequence of `number` items, which may be negative.

    Raises `IndexError` beyond the ends, as iteration needs, and `UsageError` with the `advice` for no whole number.
    """
    try:
        index = operator.index(value)
    except TypeError:
        raise UsageError(f"{what}: found the index {value!r}, expected the number of a {item}. {advice}.") from None
    if not -number <= index < number:
        raise IndexError(f"{index}: {what} has {number:,} {item}{'s' * (number != 1)}")
    return index
