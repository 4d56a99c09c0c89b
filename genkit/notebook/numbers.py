"""Whole numbers of a user, such as a number of samples or a seed."""

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
