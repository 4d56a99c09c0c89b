"""Whole numbers with the decimals of the numbers beside them: ``1.000 ± 0`` beside ``0.998 ± 0.001``, not ``1 ± 0``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from genkit.tables.cell_number import CellNumber, decimals_of


def share_decimals(lines: Sequence[Mapping[str, CellNumber | None]]) -> list[dict[str, CellNumber | None]]:
    """Return lines of one metric in which whole numbers have decimals, if those beside them do.

    A whole number gets as many decimals as the most precise number of its line. In a line of whole numbers only, it
    gets as many as the least precise number of the other lines, unless the metric counts: then all values are whole.
    """
    numbers = [number for line in lines for number in line.values() if number is not None]
    counts = all(float(value).is_integer() for number in numbers for value in number.values)
    least = 0 if counts else min(_decimals(numbers), default=0)
    shared = []
    for line in lines:
        decimals = max(_decimals(line.values()), default=least)
        shared.append(
            {
                column: replace(number, decimals=decimals) if number is not None and number.is_whole else number
                for column, number in line.items()
            }
        )
    return shared


def _decimals(numbers: Iterable[CellNumber | None]) -> list[int]:
    """Return the decimals of the numbers that are not whole."""
    return [
        decimals_of(number.number_text)
        for number in numbers
        if number is not None and number.values and not number.is_whole
    ]
