"""A table whose cells are coloured by their values: one metric over two keys.

It is a table of HTML, not a chart: each cell has its number as text, so it needs no script, no colours and no eyes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Key = TypeVar("Key", bound=Hashable)

LOGARITHMIC = 50  # positive values that differ by more than this factor have a logarithmic scale


@dataclass(frozen=True)
class HeatCell:
    """One cell: its text, and how strong its colour is."""

    text: str
    level: float | None  # in [0, 1], 1 is the best; None for a cell without a colour
    best: bool = False
    missing: bool = False  # no value: hatched, and the text says why


@dataclass(frozen=True)
class HeatRow:
    """A row of cells."""

    name: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True)
class HeatMap:
    """The cells of one metric, with a sentence on what the colours mean."""

    title: str
    about: str
    columns: Sequence[str]
    rows: Sequence[HeatRow]


def is_logarithmic(values: Sequence[float]) -> bool:
    """Return whether the scale of these values is logarithmic."""
    return bool(values) and min(values) > 0 and max(values) > LOGARITHMIC * min(values)


def heat_levels(
    values: Mapping[Key, float], better: Literal["lower", "higher"] | None, span: float = 0
) -> dict[Key, float]:
    """Return the strength of the colour of each value, in [0, 1].

    The best value has 1 and the worst 0; where neither direction is better, the highest has 1. Equal values have ½. A
    value that is not finite has no colour. A linear scale is at least `span` wide: values that lie closer together
    share its middle.
    """
    finite = {key: value for key, value in values.items() if math.isfinite(value)}
    if not finite:
        return {}
    logarithmic = is_logarithmic(list(finite.values()))
    placed = {key: math.log(value) for key, value in finite.items()} if logarithmic else finite
    low, high = min(placed.values()), max(placed.values())
    if low == high:
        return dict.fromkeys(finite, 0.5)
    # Half of each, since the difference of two large values may be infinite.
    own = high / 2 - low / 2
    width = own if logarithmic else max(own, span / 2)
    below = 0.5 - 0.5 * own / width  # of the scale, left free below the lowest value
    shares = {key: below + (value / 2 - low / 2) / width for key, value in placed.items()}
    return {key: 1 - share for key, share in shares.items()} if better == "lower" else shares
