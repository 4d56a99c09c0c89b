"""What a report prints, as a text or as HTML: the representations of objects in Python and in a notebook."""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import rich.console

from genkit.console.output import Console

WIDTH = 120  # columns of a text


class TextConsole(Console):
    """Console that keeps what is printed."""

    def __init__(self, width: int = WIDTH):
        super().__init__()
        self._kept = io.StringIO()
        layout: Any = {"width": width, "highlight": False, "soft_wrap": True, "emoji": False}
        self.rich = rich.console.Console(file=self._kept, no_color=True, force_jupyter=False, **layout)

    @property
    def has_width(self) -> bool:
        """False: a table keeps all columns side by side, whatever the terminal that Python runs in."""
        return False

    @property
    def text(self) -> str:
        """What has been printed, without spaces at the ends of lines."""
        lines = self._kept.getvalue().rstrip().splitlines()
        return "\n".join(line.rstrip() for line in lines)


class HtmlConsole(Console):
    """Console that keeps what is printed as HTML. All texts are escaped."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []

    def print(self, text: str) -> None:
        """Keep a text with its spaces and line breaks."""
        if text.strip():
            self._parts.append(f"<pre>{html.escape(text.rstrip())}</pre>")

    @property
    def has_width(self) -> bool:
        """False: a page has no columns."""
        return False

    def prose(self, text: str, before: str = "") -> None:
        """Keep sentences."""
        self.print(before + text)

    def texts(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Keep texts about names as a table."""
        self.table(title, columns, rows)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        below: bool = False,
        repeat: int = 0,
    ) -> None:
        """Keep a table; nothing if it has no rows."""
        if not rows:
            return
        head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        caption = f"<caption>{html.escape(title)}</caption>"
        self._parts.append(f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")

    @property
    def html(self) -> str:
        """What has been printed."""
        return "\n".join(self._parts)


def text_of(report: Callable[[Console], None]) -> str:
    """Return the text that a report prints."""
    console = TextConsole()
    report(console)
    return console.text


def html_of(report: Callable[[Console], None]) -> str:
    """Return the HTML of what a report prints."""
    console = HtmlConsole()
    report(console)
    return console.html
