"""Characters that a terminal would obey or cannot show, written as escapes."""

from __future__ import annotations

import re

# Control characters but the line feed and the tab, and the lone surrogates that stand for bytes that are not UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff]")


def escaped(text: str) -> str:
    r"""Return a text for the terminal. The text of a recipe or a file name must not move its cursor: ``\x1b[2J``."""
    return UNPRINTABLE.sub(lambda found: f"\\x{ord(found.group()) & 0xFF:02x}", text)
