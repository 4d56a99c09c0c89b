"""The message for a value that the parser of an option refuses, in the form of all other messages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from genkit.errors import UsageError


@contextmanager
def values_refused_as_elsewhere() -> Iterator[None]:
    """Turn typer's error for a value into a `UsageError` that begins with the option; both exit with 2.

    An argument that is missing stays typer's error, with the usage of the command.
    """
    try:
        yield
    except typer.BadParameter as error:
        if type(error) is not typer.BadParameter or error.param is None:
            raise
        raise UsageError(f"{max(error.param.opts, key=len)} {error.message}") from None
