"""Widths of the columns of a table that is wider than the terminal, and where its long words are broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

# Places within a word: after a hyphen, underscore or full stop that follows a letter (not in 1e-06), or after a slash.
WITHIN_A_WORD = re.compile(r"(?<=[^\W\d_][-_.])(?<!\de-)(?=\w)|(?<=/)(?=\w)")


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return one width for each column, together at most `width`, so that lines are broken between words if possible.

    A table that fits is as wide as its cells. Otherwise each column has room for its longest word. The rest goes to the
    columns that need less than an equal share, and then to those that lack most. If the words do not fit, the longest
    ones are broken, if possible as `with_breaks` breaks them.
    """
    columns = list(zip(*rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    if sum(wanted) <= width:
        return wanted
    words = [[word for cell in column for word in cell.split()] for column in columns]
    widths = [_widest(each) for each in words]
    pieces = [_widest(piece for word in each for piece in WITHIN_A_WORD.split(word)) for each in words]
    while sum(widths) > max(width, len(widths)):
        breakable = [now * (now > least) for now, least in zip(widths, pieces, strict=True)]
        widths[_largest(breakable if any(breakable) else widths)] -= 1
    for place in sorted(range(len(widths)), key=wanted.__getitem__):
        if wanted[place] <= width // len(widths):
            widths[place] += max(0, min(wanted[place] - widths[place], width - sum(widths)))
    for _ in range(width - sum(widths)):
        widths[_largest([full - now for full, now in zip(wanted, widths, strict=True)])] += 1
    return widths


def with_breaks(cell: str, width: int) -> str:
    """Return a cell in which each word that is wider than the column has line breaks, within the word where it can."""
    return re.sub(r"\S+", lambda word: "\n".join(_lines(word.group(), width)), cell)


def _lines(word: str, width: int) -> list[str]:
    lines = [""]
    for piece in WITHIN_A_WORD.split(word) if cell_len(word) > width else [word]:
        if lines[-1] and cell_len(lines[-1] + piece) > width:
            lines.append("")
        lines[-1] += piece
    return lines


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _largest(values: Sequence[int]) -> int:
    """Return the last place of the largest value."""
    return max(range(len(values)), key=lambda place: (values[place], place))
