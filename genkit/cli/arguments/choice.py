"""Options whose value is one of a few names."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

import typer

from genkit.console.escapes import escaped
from genkit.near_miss import near_miss

Name = TypeVar("Name", bound=StrEnum)


def choice(names: type[Name]) -> Callable[[str], Name]:
    """Return the parser of an option.

    It raises typer's usage error, exit code 2, for an unknown name, with the names that are close, or else all names.
    """

    def parse(text: str) -> Name:
        try:
            return names(text)
        except ValueError:
            raise typer.BadParameter(f"{escaped(text)}: unknown.{near_miss(text, names)}") from None

    return parse
