"""The line of a command that is stopped and has nothing to say of it, as while it imports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from genkit.errors import Interrupted
from genkit.launched import UNSAID, is_started_by_genkit


@contextmanager
def with_a_line_if_stopped() -> Iterator[None]:
    """Turn a `KeyboardInterrupt` into an `Interrupted` with a line; typer would end the command without a word.

    Of several processes, the command that has started them reports.
    """
    try:
        yield
    except KeyboardInterrupt:
        if is_started_by_genkit():
            raise SystemExit(UNSAID) from None
        raise Interrupted("stopped before the command was done. Give the command again to start over.") from None
