"""Characters that a terminal would obey or cannot show, written as escapes."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Control characters but the line feed and the tab, and the lone surrogates that stand for bytes that are not UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udcff]")
# Separators of lines, and controls of the direction of text: one in a name would turn around, or hide, what follows.
DIRECTION = re.compile("[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
BREAKS = {"\n": "\\n", "\t": "\\t"}


def escaped(text: str) -> str:
    r"""Return a text for the terminal. The text of a recipe or a file name must not move its cursor: ``\x1b[2J``."""
    return UNPRINTABLE.sub(lambda found: f"\\x{ord(found.group()) & 0xFF:02x}", spelled_out(text))


def spelled_out(text: str) -> str:
    r"""Return a text with each control of its direction spelled out: ``\u202e``."""
    return DIRECTION.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def in_one_line(name: object) -> str:
    r"""Return a name for the terminal, on one line: a line feed in it becomes ``\n``."""
    return re.sub(r"[\n\t]", lambda found: BREAKS[found.group()], escaped(str(name)))


def with_one_line_names(message: str, words: Iterable[str]) -> str:
    """Return a message in which each of the words that a user typed is on one line.

    A message has line breaks of its own, so those within a name are found by the words of the call.
    """
    parts = {
        part for word in words for part in (word, word.partition("=")[2]) if part.strip() and BREAKS.keys() & {*part}
    }
    for part in sorted(parts, key=len, reverse=True):
        message = message.replace(part, in_one_line(part))
    return message
