"""Encoding of standard output and error."""

from __future__ import annotations

import io
import sys


def replace_unprintable() -> None:
    """Print a character that the encoding of the output does not have as a question mark, in place of an exception.

    A finished training must not end with a traceback because a terminal cannot show a Greek letter.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
