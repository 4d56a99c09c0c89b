"""Standing of the values of one metric: the best of comparable runs, or those that tie for it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from enum import StrEnum

from genkit.runs.comparison.compared_metrics import ComparisonRow


class Standing(StrEnum):
    """Standing of one value among comparable ones."""

    BEST = "best"
    LOWEST = "lowest"  # of a metric without intervals, so chance may explain it
    HIGHEST = "highest"
    TIED = "tied"
    COLLAPSED = "collapsed"  # of a run whose model has collapsed, so its value neither leads nor ties
    NONE = ""


ABOUT_STANDINGS = {
    Standing.BEST: "Best: its confidence interval does not overlap with any other.",
    Standing.TIED: "Tied: the intervals overlap, or the values are printed alike.",
    Standing.LOWEST: "Lowest: the smallest of its line.",
    Standing.HIGHEST: "Highest: the largest of its line.",
    Standing.COLLAPSED: "Collapsed: the model reconstructs next to nothing. Where its value would lead, no value does.",
}
ABOUT_CHANCE = "The lowest or highest value has no interval, so the difference may be chance."


def about_standings(words: Collection[Standing]) -> list[str]:
    """Return what these words mean, a text for each."""
    chance = [ABOUT_CHANCE] * bool({*words} & {Standing.LOWEST, Standing.HIGHEST})
    return [*(text for word, text in ABOUT_STANDINGS.items() if word in words), *chance]


def printed(value: float) -> str:
    """Return a value as tables of runs print it."""
    return f"{value:.5g}"


def standings(
    row: ComparisonRow, unfinished: Collection[str], collapsed: Collection[str] = ()
) -> Mapping[str, Standing]:
    """Return the standing of each run that has a value in the row.

    A value is best if its confidence interval overlaps with that of no other run, else the leading ones are tied. A
    value without an interval is an interval of length 0: if it leads, it is the lowest or the highest, not the best.
    Values that are printed as the same number are tied. Nothing leads if one of the runs is `unfinished`, if only one
    has a value, or if the metric is better neither lower nor higher. A run that has `collapsed` has no other standing:
    where its value would lead, none does.
    """
    of_all = _among_all(row, unfinished)
    tied = [name for name, each in of_all.items() if each is Standing.TIED and name not in collapsed]
    of_all |= dict.fromkeys(tied, Standing.NONE) if len(tied) == 1 else {}
    return {name: Standing.COLLAPSED if name in collapsed else each for name, each in of_all.items()}


def _among_all(row: ComparisonRow, unfinished: Collection[str]) -> dict[str, Standing]:
    values = {name: value for name, value in row.values.items() if value is not None and math.isfinite(value)}
    standing = dict.fromkeys(values, Standing.NONE)
    if row.better is None or len(values) < 2 or set(values) & set(unfinished):
        return standing
    sign = 1 if row.better == "lower" else -1
    intervals = {name: row.intervals.get(name, (value, value)) for name, value in values.items()}
    first = min(values, key=lambda name: sign * values[name])
    low, high = intervals[first]
    leading = [
        name
        for name, (start, end) in intervals.items()
        if (start <= high and end >= low) or printed(values[name]) == printed(values[first])
    ]
    if len(leading) > 1:
        return standing | dict.fromkeys(leading, Standing.TIED)
    if first in row.intervals:
        return standing | {first: Standing.BEST}
    return standing | {first: Standing.LOWEST if row.better == "lower" else Standing.HIGHEST}
