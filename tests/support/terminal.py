"""Consoles of a given width, on a stand-in of a terminal or on a file."""

from __future__ import annotations

import io
from collections.abc import Callable

import rich.console

from genkit.console.output import Console


class Terminal(io.StringIO):
    """A file that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(width: int, show: Callable[[Console], None], *, terminal: bool = True) -> str:
    """Return what a function prints on a console of a width."""
    console = Console()
    file = Terminal() if terminal else io.StringIO()
    console.rich = rich.console.Console(
        file=file, width=width, no_color=True, highlight=False, soft_wrap=True, emoji=False, force_terminal=False
    )
    show(console)
    return file.getvalue()
