"""Warnings of genkit, as a command prints them."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from genkit.console.escapes import escaped
from genkit.errors import GenkitWarning
from genkit.launched import is_main_process


def print_warnings_as_lines() -> None:
    """Print each `GenkitWarning` as a line on stderr, in the main process only; leave other warnings as they are."""
    show = warnings.showwarning

    def print_line(message: Warning | str, category: type[Warning], *place: Any, **options: Any) -> None:
        if not issubclass(category, GenkitWarning):
            show(message, category, *place, **options)
        elif is_main_process():
            print(escaped(f"warning: {message}"), file=sys.stderr)

    warnings.showwarning = print_line
