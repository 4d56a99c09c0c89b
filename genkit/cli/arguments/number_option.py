"""Options whose value is a number: the message for another value names the option, the value and the range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from genkit.errors import UsageError


def whole_number(name: str, *short: str, help: str, least: int, most: int | None = None) -> Any:
    """Return the option of a whole number in a range. `short` are its other names."""
    expected = f"a whole number, {least} or more" if most is None else f"a whole number from {least} to {most}"
    return typer.Option(name, *short, metavar="NUMBER", parser=_parser(name, int, expected, least, most), help=help)


def real_number(name: str, *, help: str, metavar: str = "NUMBER") -> Any:
    """Return the option of a number whose range the command checks."""
    return typer.Option(name, metavar=metavar, parser=_parser(name, float, "a number"), help=help)


def _parser(
    name: str, kind: type[int] | type[float], expected: str, least: int | None = None, most: int | None = None
) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = None
        if number is None or (least is not None and number < least) or (most is not None and number > most):
            raise UsageError(f"{name} {text}: expected {expected}.")
        return number

    return parse
