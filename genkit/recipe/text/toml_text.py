"""TOML text: parsed within limits that no recipe reaches, and split into statements for the lines of its keys.

`tomllib` is the only grammar. It reports no positions, so a valid text is split into statements, each with its line;
the keys that a statement yields are there.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

MOST_LEVELS = 64  # tables and lists within each other; far more than any recipe has, far less than Python's stack

# The tokens that can hide or hold a line break. What is left is skipped character by character.
TOKENS = re.compile(
    r'''"""(?:[^"\\]|\\.|"(?!""))*""""{0,2}'''  # up to two quotes may stand before the three that close
    r"""|'''(?:[^']|'(?!''))*''''{0,2}"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'"""
    r"|#[^\n]*|[\[\]{}]|\n",
    re.DOTALL,
)


class BeyondLimits(ValueError):
    """TOML that is nested too deeply, or has a number with too many digits."""


class WrittenFloat(float):
    """A float with the text that it was written as, such as ``1e5``, for messages."""

    def __new__(cls, text: str) -> WrittenFloat:
        """Return the number that `text` is."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def parse(text: str) -> dict[str, Any]:
    """Return the tables of a TOML text. Raises `tomllib.TOMLDecodeError`, and `BeyondLimits`."""
    try:
        tables = tomllib.loads(text, parse_float=WrittenFloat)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise BeyondLimits(f"nested more than {MOST_LEVELS} levels deep") from None
    except ValueError:  # of `int`, which refuses thousands of digits
        raise BeyondLimits("a number with thousands of digits") from None
    _check_depth(tables)
    return tables


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield each statement of a valid TOML text and the number of its first line, counted from 1.

    A statement is a header or a key with its value. Empty lines and comments are left out. A line ends at a line feed
    only: TOML does not know the other line breaks of Unicode.
    """
    depth, start, line, first_line = 0, 0, 1, 1
    for token in TOKENS.finditer(text):
        found = token.group()
        line += found.count("\n")
        if found in ("[", "{"):
            depth += 1
        elif found in ("]", "}"):
            depth -= 1
        elif found == "\n" and depth == 0:
            yield from _unless_empty(first_line, text[start : token.end()])
            start, first_line = token.end(), line
    yield from _unless_empty(first_line, text[start:])


def has_comment(text: str) -> bool:
    """Return whether a valid TOML text has a comment."""
    return any(token.group().startswith("#") for token in TOKENS.finditer(text))


def _unless_empty(line: int, statement: str) -> Iterator[tuple[int, str]]:
    if statement.strip() and not statement.lstrip().startswith("#"):
        yield line, statement


def _check_depth(tables: Mapping[str, Any]) -> None:
    """Raise `BeyondLimits` if tables and lists are nested too deeply. It has no recursion of its own."""
    level: list[Any] = [tables]
    for _ in range(MOST_LEVELS):
        inner = [each.values() if isinstance(each, Mapping) else each for each in level]
        level = [value for values in inner for value in values if isinstance(value, (Mapping, list))]
        if not level:
            return
    raise BeyondLimits(f"nested more than {MOST_LEVELS} levels deep")
