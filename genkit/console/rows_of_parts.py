"""The rows of a table that is divided into parts with some of its columns each."""

from __future__ import annotations

from collections.abc import Sequence


def rows_of_parts(
    rows: Sequence[Sequence[str]], parts: Sequence[Sequence[int]], repeat: int
) -> list[list[Sequence[str]]]:
    """Return the rows that each part shows, in all columns: those with something there besides the repeated columns.

    `parts` has the places of the columns of each part. A row without anything in any part is in the first. The title of
    several rows is in the first of them only, in the first column; it moves to the first that is shown.
    """
    filled = [[any(row[place] for place in part[repeat:]) for part in parts] for row in rows]
    shown: list[list[Sequence[str]]] = []
    for number in range(len(parts)):
        of_part: list[Sequence[str]] = []
        title = ""  # of the rows that follow, until it is shown
        for row, has in zip(rows, filled, strict=True):
            title = row[0] or title
            if has[number] or (number == 0 and not any(has)):
                of_part.append([title, *row[1:]])
                title = ""
        shown.append(of_part)
    return shown
