"""Charts of curves: what they keep, and what they say to a reader who does not see them."""

import math

import pytest
import vl_convert

from genkit.pages.line_chart import POINTS, line_chart, thin


def values(chart) -> list[dict]:
    return chart.spec["data"]["values"]


def test_a_short_curve_is_kept_as_it_is():
    chart = line_chart("kl", {"real": [(10, 1.5), (20, 2.5)], "fake": [(10, 0.25)]})
    assert values(chart) == [
        {"x": 10, "y": 1.5, "s": "0"},
        {"x": 20, "y": 2.5, "s": "0"},
        {"x": 10, "y": 0.25, "s": "1"},
    ]
    assert [name for name, _ in chart.legend] == ["real", "fake"] and len({look for _, look in chart.legend}) == 2
    assert "real goes from 1.5 at 10 to 2.5 at 20" in chart.summary


def test_a_long_curve_keeps_its_extremes_its_ends_and_its_gaps():
    curve = [(step, math.sin(step)) for step in range(50_000)]
    curve[12_345], curve[40_000], curve[777] = (12_345, 9.0), (40_000, -9.0), (777, None)
    kept = thin(curve)
    assert len(kept) <= POINTS + 1 and kept == sorted(kept, key=lambda point: point[0]) and set(kept) <= set(curve)
    assert {curve[12_345], curve[40_000], curve[777], curve[-1]} <= set(kept)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None], ids=str)
def test_a_value_that_is_not_finite_is_a_gap_with_a_note(value):
    chart = line_chart("rec", {"": [(0, 1.0), (1, value), (2, 3.0)]})
    assert [row["y"] for row in values(chart)] == [1.0, None, 3.0]
    assert len(chart.notes) == 1 and "1 value" in chart.notes[0] and not line_chart("rec", {"": [(0, 1.0)]}).notes


@pytest.mark.parametrize(
    "curves", [{}, {"a": []}, {"a": [(0, 1.0)]}, {"a": [(5, math.nan)]}], ids=["none", "empty", "one", "nan"]
)
def test_the_axis_has_a_length_whatever_the_curves_are(curves):
    first, last = (each["value"] for each in line_chart("a", curves, marks={}).spec["params"])
    assert first < last


@pytest.mark.trains
def test_the_grammar_accepts_a_chart_with_everything():
    curves = {"a.b[0]": [(0, 1.0), (1, math.nan), (2, 3.0)], 'x"]) || alert(1)': [(0, 2.0)]}
    chart = line_chart("t", curves, marks={"start's": 1}, best=[(2, 3.0)], dots=True)
    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": 300})
    assert svg.count("<path") > 10 and "start's" in svg.replace("&#39;", "'")
