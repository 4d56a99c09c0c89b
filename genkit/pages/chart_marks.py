"""Vertical lines of a chart: labelled ones, such as the start of a phase, and the place whose values are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ROW = 14  # height of the row of a label, in pixels
LETTER = 6  # width of most letters of a label, in pixels
RIGHT, LEFT = "datum.at + datum.long <= width", "datum.long <= datum.at"  # whether a label has room beside its line
SIDES = {  # where a label without room on either side is: in the middle of the axis
    "left": (RIGHT, "datum.x"),
    "right": (f"!({RIGHT}) && {LEFT}", "datum.x"),
    "center": (f"!({RIGHT}) && !({LEFT})", "(from + to) / 2"),
}


def mark_layers(marks: Mapping[str, float], x: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a vertical line for each mark, by label, with its label above the plot, where it hides no curve.

    Each label has a row of its own, so labels do not overlap, however narrow the chart is and whatever it shows of the
    axis `x`.
    """
    if not marks:
        return []
    in_order = sorted(marks.items(), key=lambda mark: mark[1], reverse=True)  # the last of them is next to the plot
    rows = [{"x": place, "label": label, "row": row} for row, (label, place) in enumerate(in_order)]
    data = {"values": rows}
    rule = {"type": "rule", "clip": True, "color": "var(--muted)", "strokeDash": [3, 3]}
    layers: list[dict[str, Any]] = [{"data": data, "mark": rule, "encoding": {"x": x}}]
    text = {
        **{"type": "text", "baseline": "bottom", "fontSize": 11, "color": "var(--muted)"},
        **{"y": -4, "dy": {"expr": f"-{ROW} * datum.row"}, "limit": {"expr": "width"}},
    }
    for side, (has_room, place) in SIDES.items():
        layers.append(
            {
                "data": data,
                # As with the rings: out of view a label is at the end of the axis, and empty.
                "transform": [
                    {"calculate": "width * (datum.x - from) / (to - from)", "as": "at"},
                    {"calculate": f"{LETTER} * length(datum.label)", "as": "long"},
                    {"calculate": f"datum.x >= from && datum.x <= to && {has_room}", "as": "seen"},
                    {"calculate": f"clamp({place}, from, to)", "as": "x"},
                ],
                "mark": {**text, "align": side},
                "encoding": {"x": x, "text": {"condition": {"test": "datum.seen", "field": "label"}, "value": ""}},
            }
        )
    return layers


def chosen_layer(x: Mapping[str, Any]) -> dict[str, Any]:
    """Return a vertical line at the parameter ``at`` of the chart; there is none while it is null."""
    return {
        "data": {"values": [{}]},
        "transform": [
            {"calculate": "isNumber(at) && at >= from && at <= to", "as": "seen"},
            {"calculate": "isNumber(at) ? clamp(at, from, to) : from", "as": "x"},
        ],
        "mark": {"type": "rule", "color": "var(--link)", "strokeWidth": 1.5},
        "encoding": {"x": x, "opacity": {"condition": {"test": "datum.seen", "value": 1}, "value": 0}},
    }
