"""A table whose cells are coloured by their values: one metric over two keys.

It is a table of HTML, not a chart: each cell has its number as text, so it needs no script, no colours and no eyes.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

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
    ends: tuple[str, str] = ("", "")  # what has the weakest colour, and the strongest


class HeatScale(NamedTuple):
    """Values that have the ends of the colours; the highest has the strongest one."""

    low: float
    high: float
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Return where on the scale a value is, in [0, 1]; ½ if the scale has no length."""
        low, high, placed = map(math.log, (self.low, self.high, value)) if self.logarithmic else (*self[:2], value)
        if low == high:
            return 0.5
        # Half of each, since the difference of two large values may be infinite.
        return min(max((placed / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)


def is_logarithmic(values: Sequence[float]) -> bool:
    """Return whether the scale of these values is logarithmic."""
    return bool(values) and min(values) > 0 and max(values) > LOGARITHMIC * min(values)


def heat_scale(values: Iterable[float], span: float = 0) -> HeatScale | None:
    """Return the scale of some values, from the lowest to the highest that is finite; None if none is.

    A linear scale is at least `span` wide: values that lie closer together share its middle.
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    low, high = min(finite), max(finite)
    if is_logarithmic(finite):
        return HeatScale(low, high, logarithmic=True)
    if high / 2 - low / 2 < span / 2:
        middle = low / 2 + high / 2
        return HeatScale(middle - span / 2, middle + span / 2)
    return HeatScale(low, high)


def heat_levels(
    values: Mapping[Key, float], better: Literal["lower", "higher"] | None, scale: HeatScale | None = None
) -> dict[Key, float]:
    """Return the strength of the colour of each value, in [0, 1], on a scale; without one, on that of the values.

    The best value has 1 and the worst 0; where neither direction is better, the highest has 1. Equal values have ½. A
    value that is not finite has no colour, and one beyond an end of the scale has that of the end.
    """
    scale = scale or heat_scale(values.values())
    if scale is None:
        return {}
    shares = {key: scale.share(value) for key, value in values.items() if math.isfinite(value)}
    return {key: 1 - share for key, share in shares.items()} if better == "lower" else shares
