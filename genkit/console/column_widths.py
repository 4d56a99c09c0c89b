"""Widths of the columns of a table that is wider than the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len


def column_widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return one width for each column, together at most `width`, so that lines are broken between words if possible.

    A table that fits is as wide as its cells. Otherwise each column has room for its longest word. The rest goes to the
    columns that need less than an equal share, and then to those that lack most. If the words do not fit, the longest
    ones are broken, such as paths.
    """
    columns = list(zip(*rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    if sum(wanted) <= width:
        return wanted
    widths = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    while sum(widths) > max(width, len(widths)):
        widths[_largest(widths)] -= 1
    for place in sorted(range(len(widths)), key=wanted.__getitem__):
        if wanted[place] <= width // len(widths):
            widths[place] += max(0, min(wanted[place] - widths[place], width - sum(widths)))
    for _ in range(width - sum(widths)):
        widths[_largest([full - now for full, now in zip(wanted, widths, strict=True)])] += 1
    return widths


def _largest(values: Sequence[int]) -> int:
    """Return the last place of the largest value."""
    return max(range(len(values)), key=lambda place: (values[place], place))
