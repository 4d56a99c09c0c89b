"""The best number of a line, marked only if chance hardly explains it: an exact permutation test."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from genkit.tables.cell_number import CellNumber

SIGNIFICANCE = 0.05  # highest probability that equal methods give a best number by chance
SIGNS = {"lower": 1, "higher": -1, None: 0}


def mark_best(
    numbers: Mapping[str, CellNumber | None], better: Literal["lower", "higher"] | None
) -> dict[str, CellNumber | None]:
    """Mark the number whose every seed beats every seed of every other number, if that is unlikely by chance.

    If two methods were equal, all n seeds of one would beat all m seeds of the other with probability 1 / C(n+m, n):
    the exact permutation test, one-sided. Three seeds against three give 1 in 20, two against five 1 in 21.

    A number that lacks a seed is never best, because the missing seed may have failed. A line with a stale number has
    no best number, nor has one whose metric is neither better lower nor higher.
    """
    sign = SIGNS[better]
    measured = {column: number for column, number in numbers.items() if number is not None and number.values}
    if any(number.stale for number in measured.values()):
        return dict(numbers)
    for column, number in measured.items():
        others = [other for name, other in measured.items() if name != column]
        if sign and others and number.complete and all(_beats(number, other, sign) for other in others):
            return {**numbers, column: replace(number, best=True)}
    return dict(numbers)


def can_be_marked(seeds: int, columns: int) -> bool:
    """Return whether a table of so many seeds and columns can have a best number at all."""
    return columns > 1 and _chance(seeds, seeds) <= SIGNIFICANCE


def leading_columns(measured: Mapping[str, CellNumber], better: Literal["lower", "higher"]) -> list[str]:
    """Return the columns of a line that may be the best: the one with the best mean, and those that it does not beat.

    All numbers have values. A number is beaten as in `mark_best`.
    """
    sign = SIGNS[better]
    first = min(measured, key=lambda column: sign * statistics.fmean(measured[column].values))
    return [column for column, number in measured.items() if not _beats(measured[first], number, sign)]


def _beats(one: CellNumber, other: CellNumber, sign: int) -> bool:
    separated = max(sign * value for value in one.values) < min(sign * value for value in other.values)
    return separated and _chance(len(one.values), len(other.values)) <= SIGNIFICANCE


def _chance(one: int, other: int) -> float:
    """Return the probability that all seeds of one method beat all seeds of another that is equal."""
    return 1 / math.comb(one + other, one)
