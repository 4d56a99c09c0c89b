"""Rows of a result. A row claims something (`ok` is true or false), or only measures or reports (`ok` is None)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Row = dict[str, Any]  # JSON; always with "case", "what" and "ok"


class Check(NamedTuple):
    """A function that returns rows, and its label within a part."""

    label: str
    measure: Callable[[], Iterable[Row]]


def at_most(case: str, what: str, value: float, bound: float, **more: Any) -> Row:
    """Return a row that claims ``value <= bound``; a NaN is never within a bound."""
    return {"case": case, "what": what, "ok": bool(value <= bound), "value": finite(value), "bound": bound, **more}


def measured(case: str, what: str, **numbers: Any) -> Row:
    """Return a row that claims nothing."""
    return {"case": case, "what": what, "ok": None, **numbers}


def left_out(case: str, what: str, why: str) -> Row:
    """Return a row about something that this machine or this version cannot do."""
    return measured(case, what, left_out=why)


def failed(case: str, what: str, error: str) -> Row:
    """Return a row about something that stopped with an error."""
    return {"case": case, "what": what, "ok": False, "error": error}


def finite(value: float) -> float | str:
    """Return the value, or its name if JSON has no number for it."""
    return value if math.isfinite(value) else str(value)
