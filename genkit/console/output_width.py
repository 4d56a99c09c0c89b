"""Width of an output, in columns.

``COLUMNS`` gives the width of any output, as it does for git, pytest and rich. Otherwise a terminal has a width, and a
file or a pipe has none.
"""

from __future__ import annotations

import os
import shutil

import rich.console

WITHOUT_WIDTH = 160  # columns of a file or a pipe


def given_width() -> int | None:
    """Return the width that ``COLUMNS`` gives; None if it is not set, or no positive number."""
    text = os.environ.get("COLUMNS", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def is_terminal(console: rich.console.Console) -> bool:
    """Return whether a bar can move on the output. FORCE_COLOR makes rich take a file for a terminal."""
    return console.file.isatty() and not console.is_dumb_terminal


def set_width(console: rich.console.Console) -> None:
    """Set the width of a console that is no terminal, or whose ``COLUMNS`` is no width, which rich would take for 0."""
    if (given := given_width()) is not None:
        console.width = given
    elif not is_terminal(console):
        console.width = WITHOUT_WIDTH
    elif "COLUMNS" in os.environ:
        console.width = shutil.get_terminal_size().columns
