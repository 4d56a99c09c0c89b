"""Points in the plane, in one or more colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from genkit.pages.chart import LOOKS, Chart, Look

SHAPES = ("circle", "diamond", "square", "triangle-up", "cross")
HEIGHT = 320  # in pixels


def scatter_chart(
    title: str, points: Mapping[str, Sequence[tuple[float, float]]], *, x_title: str, y_title: str
) -> Chart:
    """Return a chart of points, by name, on one scale. Points that are not finite are left out, and a note says so."""
    rows, notes = [], []
    for number, (name, of_name) in enumerate(points.items()):
        finite = [(x, y) for x, y in of_name if math.isfinite(x) and math.isfinite(y)]
        rows += [{"x": float(f"{x:.5g}"), "y": float(f"{y:.5g}"), "s": str(number)} for x, y in finite]
        if len(finite) < len(of_name):
            notes.append(f"{name}: {len(of_name) - len(finite)} points are not finite and left out.")
    domain = [str(number) for number in range(len(points))]
    looks = [Look(LOOKS[number % len(LOOKS)].colour, (), SHAPES[number % len(SHAPES)]) for number in range(len(points))]
    colours = {"domain": domain, "range": [look.colour for look in looks]}
    shapes = {"domain": domain, "range": [look.shape for look in looks]}
    series = {"field": "s", "type": "nominal", "legend": None}
    axis = {"type": "quantitative", "scale": {"zero": False}, "axis": {"tickCount": 5}}
    spec = {
        "height": HEIGHT,
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "size": 26, "opacity": 0.6},
        "encoding": {
            "x": {"field": "x", "title": x_title, **axis},
            "y": {"field": "y", "title": y_title, **axis},
            "color": {**series, "scale": colours},
            "shape": {**series, "scale": shapes},
        },
    }
    summary = f"{', '.join(f'{len(of_name)} points of {name}' for name, of_name in points.items())}."
    return Chart(title, summary, spec, list(zip(points, looks)), notes)
