"""Curves over the steps of a run, or over another number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any

from genkit.pages.chart import Chart, Look, look_of, value_text
from genkit.pages.chart_marks import chosen_layer, mark_layers
from genkit.pages.chart_points import dot_layer, ring_layer

Point = tuple[float, float | None]  # place on the axis, and a value; None and nan are gaps
POINTS = 600  # of a curve, at most: more than a screen shows
ROWS = 18_000  # points of all curves of a page, at most; about 32 bytes each
HEIGHT = 190  # in pixels
POWERS = "datum.value === 0 ? '0' : format(datum.value, '~e')"  # labels of an axis


def line_chart(
    title: str,
    curves: Mapping[str, Sequence[Point]],
    *,
    x_title: str = "step",
    marks: Mapping[str, float] | None = None,
    best: Sequence[Point] = (),
    dots: bool = False,
    looks: Mapping[str, Look] | None = None,
    points: int = POINTS,
    jumps: bool = True,
    logarithmic: bool = False,
) -> Chart:
    """Return a chart with one line for each curve, by name.

    `marks` are vertical lines by label, and `best` are points with a ring. With `dots` each value is a dot: for curves
    of few values. Positive values may have a `logarithmic` axis. If there may be `jumps`, a curve that is constant
    between single ones, such as a multistep schedule, is drawn with steps, not with ramps. If a curve has more than
    `points` values, all are thinned at the same places, such that their extremes stay. Values that are not finite are
    gaps, and a note of the chart counts them. With `looks`, by name, a curve looks the same in several charts, and each
    chart has a legend.
    """
    names = [name or title for name in curves]
    shown_looks = [look_of(number) if looks is None else looks[name] for number, name in enumerate(curves)]
    thinned = thin([[(x, _finite(y)) for x, y in curve] for curve in curves.values()], points)
    rows = [{"x": x, "y": y, "s": str(number)} for number, curve in enumerate(thinned) for x, y in curve]
    first, last = _domain([x for curve in thinned for x, _ in curve] + list((marks or {}).values()))
    x = _x_axis(x_title, last)
    colour = _by_curve([look.colour for look in shown_looks])
    stepped = [jumps and is_stepped(curve) for curve in curves.values()]
    layers = _lines(stepped, x, _y_axis(thinned, logarithmic), colour, _by_curve([look.dash for look in shown_looks]))
    layers += [dot_layer(x, colour)] if dots or len(rows) <= len(thinned) else []
    layers += [_hover(names, x)] if rows else []
    layers += [ring_layer([(place, _finite(value)) for place, value in best], x)] if best else []
    layers += [*mark_layers(marks or {}, x), chosen_layer(x)]
    spec = {
        "height": HEIGHT,
        # The script of the page sets them: the ends of the axis, and the place whose values are shown.
        "params": [{"name": "from", "value": first}, {"name": "to", "value": last}, {"name": "at", "value": None}],
        "data": {"values": rows},
        "layer": layers,
    }
    legend = list(zip(names, shown_looks)) if len(names) > 1 or looks else []
    return Chart(title, _summary(names, curves), spec, legend, _notes(names, curves))


def points_of_each(curves: int) -> int:
    """Return how many points each of so many curves of a page may have, such that the page stays small."""
    return max(20, min(POINTS, ROWS // max(curves, 1)))


def thin(curves: Sequence[Sequence[Point]], most: int = POINTS) -> list[list[Point]]:
    """Return about `most` points of each curve at most, all at the same places: the pointer shows all values of one.

    Kept are the ends of each curve, and of each stretch of the axis its lowest and its highest value, and a gap if any.
    """
    if max(map(len, curves), default=0) <= most:
        return [list(curve) for curve in curves]
    places = sorted({x for curve in curves for x, _ in curve})
    with_gaps = sum(any(y is None for _, y in curve) for curve in curves)
    stretch = -(-len(places) // max(1, most // (2 * len(curves) + with_gaps)))
    number = {x: place // stretch for place, x in enumerate(places)}
    kept = sorted(
        {x for curve in curves for _, near in groupby(curve, lambda point: number[point[0]]) for x in _telling(near)}
    )
    if len(kept) > most:  # so many curves that the extremes of all of them would be too many places
        kept = [kept[index * (len(kept) - 1) // (most - 1)] for index in range(most)]
    ends = {x for curve in curves for x, _ in (*curve[:1], *curve[-1:])}
    chosen = {*kept, *ends}
    return [[point for point in curve if point[0] in chosen] for curve in curves]


def _telling(points: Iterable[Point]) -> set[float]:
    """Return the places of the lowest and the highest of some points, and of their first gap."""
    gaps, ranked = [], []
    for x, y in points:
        gaps += [x] if y is None else []
        ranked += [] if y is None else [(y, x)]
    return {*gaps[:1], *(extreme(ranked)[1] for extreme in (min, max) if ranked)}


def _finite(value: float | None) -> float | None:
    """Return the number, with seven digits; None if it is not finite."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")


def _domain(places: Sequence[float]) -> tuple[float, float]:
    first, last = min(places, default=0), max(places, default=1)
    return (first, last) if first < last else (max(0, first - 2), last + 2)  # whole steps around a single one


def _x_axis(title: str, last: float) -> dict[str, Any]:
    scale = {"domainMin": {"expr": "from"}, "domainMax": {"expr": "to"}, "nice": False, "zero": False}
    # So few that the last label, which is moved into the chart, is not on the one before. If it were not moved, the
    # width of the chart would change with the axis, and Vega would go on to cut the lines where the chart ended.
    axis = {"tickCount": 4, **({"format": "~s"} if last >= 10_000 else {})}
    return {"field": "x", "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _y_axis(curves: Sequence[Sequence[Point]], logarithmic: bool) -> dict[str, Any]:
    """Return the axis of the values: of small and of large ones as powers of ten, of none from 0 to 1.

    A constant has room above and below it: of an axis without length, Vega rounds the only label, 0.001 to 0.
    """
    if logarithmic:
        of_powers = {"type": "log", "nice": False, "padding": 5}
        ticks = {"tickCount": 4, "format": "~g"}
        return {"field": "y", "type": "quantitative", "title": "log scale", "scale": of_powers, "axis": ticks}
    finite = [y for curve in curves for _, y in curve if y is not None]
    largest = max(map(abs, finite), default=1.0)
    extreme = largest >= 1e5 or 0 < largest < 5e-5
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    room = (abs(low) / 2 or 1.0) if low == high else 0.0
    scale = (
        {"domain": [low - room, high + room]} if room or not finite else {"zero": False, "nice": False, "padding": 5}
    )
    axis = {"tickCount": 5, **({"labelExpr": POWERS} if extreme else {})}
    return {"field": "y", "type": "quantitative", "title": None, "scale": scale, "axis": axis}


def _lines(
    stepped: Iterable[bool],
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    colour: Mapping[str, Any],
    dash: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return a layer of the curves that change everywhere, and one of those that jump, as far as there are any.

    `stepped` says of each curve whether it jumps.
    """
    by_shape: dict[str, list[str]] = {}
    for number, jumps in enumerate(stepped):
        by_shape.setdefault("step-after" if jumps else "linear", []).append(str(number))
    return [
        {
            "transform": [{"filter": {"field": "s", "oneOf": numbers}}],
            "mark": {"type": "line", "clip": True, "strokeWidth": 1.8, "interpolate": shape},
            "encoding": {"x": x, "y": y, "color": colour, "strokeDash": dash},
        }
        for shape, numbers in (by_shape or {"linear": []}).items()
    ]


def is_stepped(curve: Sequence[Point]) -> bool:
    """Return whether a curve has jumps and is constant before and after each of them."""
    jumps = [before[1] != after[1] for before, after in pairwise(curve)]
    return len(jumps) > 2 and any(jumps) and not any(one and other for one, other in pairwise(jumps))


def _by_curve(looks: Sequence[Any]) -> dict[str, Any]:
    """Return the encoding that gives each curve its own of some looks."""
    domain = [str(number) for number in range(len(looks))]
    return {"field": "s", "type": "nominal", "legend": None, "scale": {"domain": domain, "range": looks}}


def _hover(names: Sequence[str], x: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line below the pointer with all values there. Fields have numbers for names, so no name is parsed."""
    shared = {"type": "quantitative", "format": ".4~g"}
    values = [{"field": str(number), "title": name, **shared} for number, name in enumerate(names)]
    near = {"type": "point", "fields": ["x"], "nearest": True, "on": "pointermove", "clear": "pointerout"}
    return {
        "transform": [{"pivot": "s", "value": "y", "groupby": ["x"]}],
        "params": [{"name": "near", "select": near}],
        "mark": {"type": "rule", "clip": True, "color": "var(--text)"},
        "encoding": {
            "x": x,
            "opacity": {"condition": {"param": "near", "empty": False, "value": 0.5}, "value": 0},
            "tooltip": [{"field": "x", "type": "quantitative", "title": x["title"]}, *values],
        },
    }


def _summary(names: Sequence[str], curves: Mapping[str, Sequence[Point]]) -> str:
    """Return where each curve begins and ends, for a reader who does not see the chart."""
    said = []
    for name, curve in zip(names, curves.values()):
        finite = [(x, y) for x, y in curve if y is not None and math.isfinite(y)]
        if finite:
            (first, begin), (last, end) = finite[0], finite[-1]
            said.append(f"{name} goes from {value_text(begin)} at {first:g} to {value_text(end)} at {last:g}")
        else:
            said.append(f"{name} has no finite value")
    return "; ".join(said) + "."


def _notes(names: Sequence[str], curves: Mapping[str, Sequence[Point]]) -> list[str]:
    counts = [sum(y is None or not math.isfinite(y) for _, y in curve) for curve in curves.values()]
    return [
        f"{name}: {count} {'value is' if count == 1 else 'values are'} not finite, shown as a gap."
        for name, count in zip(names, counts)
        if count
    ]
