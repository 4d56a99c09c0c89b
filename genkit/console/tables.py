"""Tables laid out for a terminal or a file.

A table that is wider than the terminal is made narrower in three ways: its last column is put below each row, where a
caller allows that; columns that have no room are put into further tables, each with the first columns again and the
rows that have something there; and lines are broken, between words if possible. A file gets one table with all columns
side by side. Texts about names are put below these where the names are long, in files too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from genkit.console.column_widths import balanced_parts, column_widths, least_widths
from genkit.console.rows_of_parts import rows_of_parts
from genkit.console.words import BROKEN_NAMES, wrapped, wrapped_names

GAP = 2  # columns of the terminal between two columns of a table
INDENT = 4  # of a text below its row

Row = Sequence[str]


def side_by_side(title: str, head: Row, rows: Sequence[Row], width: int) -> Table:
    """Return a table with all columns side by side, at most `width` wide unless it has more columns than that."""
    # `Text` is plain: brackets in a title or a cell are not markup.
    table = Table(title=Text(title), title_justify="left", title_style="bold", box=None, pad_edge=False)
    widths = column_widths([head, *rows], width - GAP * (len(head) - 1))
    for name, wide in zip(head, widths, strict=True):
        table.add_column(Text("\n".join(wrapped(name, wide))), overflow="fold", header_style="dim", width=wide)
    for row in rows:
        table.add_row(*(Text("\n".join(wrapped(cell, wide))) for cell, wide in zip(row, widths, strict=True)))
    return table


def laid_out(
    title: str, head: Row, rows: Sequence[Row], width: int, below: bool = False, repeat: int = 0
) -> Iterator[Table | Text]:
    """Yield what to print for a table, one below the other, for a terminal or a file of a width.

    `below`: the last column may be put below each row. `repeat`: the number of first columns that further tables have
    again; 0: there is one table only.
    """
    if _fits([head, *rows], width):
        yield side_by_side(title, head, rows, width)
        return
    notes: Row = ()
    note_head = ""
    if below and len(head) > 1:
        *head, note_head = head
        notes, rows = [row[-1] for row in rows], [row[:-1] for row in rows]
    parts = _blocks(head, rows, width, repeat)
    shown_rows = rows_of_parts(rows, parts, repeat) if len(parts) > 1 and not notes else [rows] * len(parts)
    for number, (places, part_rows) in enumerate(zip(parts, shown_rows, strict=True)):
        block = [[row[place] for place in places] for row in part_rows]
        block_head = [head[place] for place in places]
        shown = title if number == 0 else f"{title}, continued"
        if number > 0:
            yield Text()
        if notes and number == 0:
            yield from _with_notes(shown, block_head, block, (note_head, *notes), width)
        else:
            yield side_by_side(shown, block_head, block, width)


def names_and_texts(title: str, head: Row, rows: Sequence[Row], width: int) -> Iterator[Table | Text]:
    """Yield what to print for texts about names, in two columns.

    A text is below its names if the longest names take more than half of the width, where it would have no room beside.
    """
    if _fits([head, *rows], width) or max(cell_len(row[0]) for row in rows) + GAP <= width / 2:
        yield side_by_side(title, head, rows, width)
    else:
        yield from _with_notes(title, head[:1], [row[:1] for row in rows], [note for _, note in (head, *rows)], width)


def _with_notes(title: str, head: Row, rows: Sequence[Row], notes: Row, width: int) -> Iterator[Text]:
    """Yield the lines of a table in which each row has a note below it; the note of the head comes first."""
    widths = column_widths([head, *rows], width - GAP * (len(head) - 1))
    yield from (Text(line, "bold") for line in wrapped(title, width))
    for row, note, style in zip((head, *rows), notes, ("dim", *[""] * len(rows)), strict=True):
        cells = [wrapped_names(cell, wide) for cell, wide in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            parts = (
                (lines[line] if line < len(lines) else "", wide) for lines, wide in zip(cells, widths, strict=True)
            )
            yield Text((" " * GAP).join(part + " " * (wide - cell_len(part)) for part, wide in parts).rstrip(), style)
        yield from (Text(" " * INDENT + line, "dim") for line in wrapped(note, width - INDENT) if note)


def _blocks(head: Row, rows: Sequence[Row], width: int, repeat: int) -> list[list[int]]:
    """Return the places of the columns of each table: all of them in one, unless cells would be broken there.

    There are as few tables as possible, with about as many columns each: four columns are two and two, not three and
    one.
    """
    in_rows = least_widths(list(zip(*rows, strict=True)), 0)
    in_head = least_widths([[name] for name in head], BROKEN_NAMES)
    least = [GAP + max(both) for both in zip(in_rows, in_head, strict=True)]
    if not repeat or sum(least) - GAP <= width:
        return [list(range(len(head)))]
    first = list(range(repeat))
    parts = balanced_parts(least[repeat:], width + GAP - sum(least[:repeat]))
    return [[*first, *(repeat + place for place in part)] for part in parts]


def _fits(rows: Sequence[Row], width: int) -> bool:
    widths = (max(map(cell_len, column)) for column in zip(*rows, strict=True))
    return sum(widths) + GAP * (len(rows[0]) - 1) <= width
