"""Points of a chart: dots on a curve and rings around its best values, whole at the ends of the axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Y = {"field": "y", "type": "quantitative"}
# Neither clipped, which would halve a point at an end of the axis, nor filtered: Vega warns of a layer without data. A
# point out of view is at the end of the axis, unseen, and so takes no room outside of it. Its place has a field of its
# own: Vega computes it again from "x" whenever the axis changes.
UNCLIPPED = [
    {"calculate": "datum.x >= from && datum.x <= to", "as": "seen"},
    {"calculate": "clamp(datum.x, from, to)", "as": "shown"},
]
SEEN = {"condition": {"test": "datum.seen", "value": 1}, "value": 0}


def dot_layer(x: Mapping[str, Any], colour: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dot for each value of the chart, in the `colour` of its curve."""
    return {
        "transform": UNCLIPPED,
        "mark": {"type": "point", "filled": True, "size": 30},
        "encoding": {"x": {**x, "field": "shown"}, "y": Y, "color": colour, "opacity": SEEN},
    }


def ring_layer(best: Sequence[tuple[float, float | None]], x: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ring around each of some points."""
    return {
        "data": {"values": [{"x": place, "y": value} for place, value in best]},
        "transform": UNCLIPPED,
        "mark": {"type": "point", "size": 140, "strokeWidth": 2, "color": "var(--text)"},
        "encoding": {"x": {**x, "field": "shown"}, "y": Y, "opacity": SEEN},
    }
