"""A chart of a page: a specification of Vega-Lite, and what a reader without eyes or script gets instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple


class Look(NamedTuple):
    """Colour and dash pattern of a curve, or colour and shape of points: some readers do not see the colours."""

    colour: str
    dash: tuple[int, ...]  # empty for points
    shape: str = ""  # of points, as Vega names it


DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (10, 4), (4, 4), (12, 3, 3, 3))
LOOKS = tuple(Look(f"var(--series-{number})", dash) for number, dash in enumerate(DASHES))


def look_of(number: int) -> Look:
    """Return the look of a curve: those of `LOOKS` first, then the same colours with other dashes."""
    colour, turn = number % len(LOOKS), number // len(LOOKS)
    return Look(LOOKS[colour].colour, DASHES[(colour + turn) % len(DASHES)])


@dataclass(frozen=True)
class Chart:
    """Chart with a title, one sentence that says what it shows, and its specification without size and colours of text.

    The width is that of its place on the page. A specification with the parameters ``from`` and ``to`` follows the time
    axis of its section.
    """

    title: str
    summary: str
    spec: Mapping[str, Any]
    legend: Sequence[tuple[str, Look]] = ()  # the name of each curve; a chart of one curve needs none
    notes: Sequence[str] = ()  # shown below the chart


def value_text(value: float) -> str:
    """Return a number for a reader: ``0.1234``, ``1.2e-05``, ``12340``."""
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}"
