"""One number of decimals for numbers of one metric: ``1.000 ± 0`` beside ``0.998 ± 0.001``, not ``1 ± 0``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from genkit.tables.cell_number import CellNumber, decimals_of

OF_COUNTS = 2  # decimals of the means of counts
OF_SHARES = 3  # decimals of numbers within 0 and 1

Line = Mapping[str, CellNumber | None]


def share_decimals(lines: Sequence[Line], *, unit: bool = False) -> list[dict[str, CellNumber | None]]:
    """Return the lines of one metric, in which numbers that are compared have the same number of decimals.

    Means of counts have two decimals, unless all seeds agree everywhere; with `unit`, a metric within 0 and 1, all
    numbers have three. Other numbers have three digits, since they may differ by powers of ten, and only whole ones
    get decimals: as many as the most precise number of their line, or in a line of whole numbers as many as the least
    precise number of the other lines. A number that would be printed as 0 has more.
    """
    numbers = [number for line in lines for number in line.values() if number is not None and number.values]
    counts = all(number.is_of_counts for number in numbers)
    if counts or unit:
        means = [number for number in numbers if len(number.values) > 1] if counts else numbers
        decimals = OF_SHARES if not counts else OF_COUNTS if not all(number.is_whole for number in means) else 0
        chosen = {id(number): decimals for number in means}
    else:
        least = min(_decimals(numbers), default=0)
        chosen = {
            id(number): max(_decimals(line.values()), default=least)
            for line in lines
            for number in line.values()
            if number is not None and number.is_whole
        }
    return [
        {
            column: replace(number, decimals=chosen[id(number)]) if number and id(number) in chosen else number
            for column, number in line.items()
        }
        for line in lines
    ]


def _decimals(numbers: Iterable[CellNumber | None]) -> list[int]:
    """Return the decimals of the numbers that are not whole."""
    return [
        decimals_of(number.number_text)
        for number in numbers
        if number is not None and number.values and not number.is_whole
    ]
