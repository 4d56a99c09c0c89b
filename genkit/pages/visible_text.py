"""Texts of users as a page shows them: commands between backticks as code, and no character that turns text around."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from genkit.console.escapes import spelled_out

if TYPE_CHECKING:
    from markupsafe import Markup


def visible(value: Any) -> Any:
    """Return a text with each control of direction spelled out, such as ``\\u202e``; other values as they are."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return spelled_out(value)


def breakable(key: str) -> Markup:
    """Return a key as HTML that may break after ``.`` and ``_``; copied text is the key."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(visible(piece)) for piece in re.split(r"(?<=[._])", key))


def with_code(text: str) -> Markup:
    """Return a text as HTML in which what stands between two backticks is code, whose options do not break."""
    from markupsafe import Markup, escape

    pieces = re.split(r"`([^`\s](?:[^`]*[^`\s])?)`", visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(_with_options(piece)) if number % 2 else escape(piece)
        for number, piece in enumerate(pieces)
    )


def _with_options(command: str) -> Markup:
    """Return a command as HTML in which a line does not end within an option, such as ``--out``."""
    from markupsafe import Markup, escape

    words = re.split(r"((?<!\S)-[\w-]+)", command)
    return Markup("").join(
        Markup('<span class="flag">{}</span>').format(word) if number % 2 else escape(word)
        for number, word in enumerate(words)
    )
