"""Widths of the columns of a table that is wider than the terminal, and the parts that it is divided into."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from genkit.console.words import LEVELS, pieces


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return one width for each column, together at most `width`, so that lines are broken between words if possible.

    A table that fits is as wide as its cells. Otherwise each column has room for what `genkit.console.words` keeps
    whole, at the first level at which all columns fit. The rest goes to columns that can then keep more of their words
    whole, the first ones first, since they name the row; then to those that need less than an equal share, and then to
    those that lack most.
    """
    columns = list(zip(*rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    if sum(wanted) <= width:
        return wanted
    least = [least_widths(columns, level) for level in LEVELS]
    level = next((level for level in LEVELS if sum(least[level]) <= width), LEVELS[-1])
    widths = least[level]
    for better in reversed(least[:level]):
        _raise(widths, better, range(len(widths)), width)
    _raise(widths, wanted, [place for place, full in enumerate(wanted) if full <= width // len(wanted)], width)
    for _ in range(width - sum(widths)):
        widths[_largest([full - now for full, now in zip(wanted, widths, strict=True)])] += 1
    return widths


def least_widths(columns: Sequence[Sequence[str]], level: int) -> list[int]:
    """Return the widths in which each column keeps whole what a level keeps whole."""
    return [max(1, _widest(piece for cell in column for piece in pieces(cell, level))) for column in columns]


def balanced_parts(widths: Sequence[int], width: int) -> list[range]:
    """Return the places of consecutive columns in the fewest parts of at most `width`, a wider column alone.

    Of the divisions into so few parts, it is one whose parts have numbers of columns that differ least, the larger
    parts first.
    """
    # The best division of the first columns by their number and that of its parts: the sum of the squares of the
    # numbers of columns, least where they are equal, and their negatives, least for large ones first.
    best: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {(0, 0): (0, ())}
    for end in range(1, len(widths) + 1):
        for size in range(1, end + 1):
            if size > 1 and sum(widths[end - size : end]) > width:
                break
            for parts in range(1, end + 1):
                if (before := best.get((end - size, parts - 1))) is not None:
                    found = (before[0] + size * size, (*before[1], -size))
                    best[end, parts] = min(found, best.get((end, parts), found))
    fewest = min(parts for end, parts in best if end == len(widths))
    ends = list(itertools.accumulate(-size for size in best[len(widths), fewest][1]))
    return [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _raise(widths: list[int], to: Sequence[int], places: Iterable[int], width: int) -> None:
    """Widen the columns at some places, each if all of them still fit."""
    for place in places:
        if sum(widths) - widths[place] + to[place] <= width:
            widths[place] = max(widths[place], to[place])


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _largest(values: Sequence[int]) -> int:
    """Return the last place of the largest value."""
    return max(range(len(values)), key=lambda place: (values[place], place))
