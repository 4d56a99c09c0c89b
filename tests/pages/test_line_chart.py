"""Charts of curves: what they keep, and what they say to a reader who does not see them."""

import itertools
import math
import random
import re

import pytest
import vl_convert

from genkit.pages.chart_marks import LETTER
from genkit.pages.line_chart import POINTS, ROWS, is_stepped, line_chart, points_of_each, thin


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
    (kept,) = thin([curve])
    assert len(kept) <= POINTS + 1 and kept == sorted(kept, key=lambda point: point[0]) and set(kept) <= set(curve)
    assert {curve[12_345], curve[40_000], curve[777], curve[0], curve[-1]} <= set(kept)


@pytest.mark.parametrize("number", [2, 3, 7, 60, 400])
def test_long_curves_are_thinned_at_the_same_places_so_that_the_pointer_shows_all_values(number):
    generator = random.Random(number)
    curves = [[(step, generator.gauss(0, 1)) for step in range(3000)] for _ in range(number)]
    curves[0][1234] = (1234, 99.0)
    kept = thin(curves, POINTS)
    places = [[x for x, _ in curve] for curve in kept]
    assert all(each == places[0] for each in places) and POINTS // 2 <= len(places[0]) <= POINTS + 2
    assert all(set(thinned) <= set(curve) for thinned, curve in zip(kept, curves))
    assert number > POINTS // 2 or (1234, 99.0) in kept[0]


def test_a_curve_that_begins_late_or_has_few_values_keeps_its_ends():
    long = [(step, math.sin(step)) for step in range(5000)]
    late, few = long[4321:4700], [(7.5, 1.0), (2500.5, 3.0), (4999.5, 2.0)]
    kept = thin([long, late, few])
    assert kept[1][0] == late[0] and kept[1][-1] == late[-1] and kept[2] == few
    shared = {x for x, _ in kept[0] if 4321 <= x < 4700}
    assert shared == {x for x, _ in kept[1]} and len(shared) > 10


def test_all_curves_of_a_page_share_its_points():
    assert points_of_each(0) == points_of_each(30) == POINTS and points_of_each(60) == POINTS // 2
    assert all(number * points_of_each(number) <= ROWS for number in range(1, 900))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None], ids=str)
def test_a_value_that_is_not_finite_is_a_gap_with_a_note(value):
    chart = line_chart("rec", {"": [(0, 1.0), (1, value), (2, 3.0)]})
    assert [row["y"] for row in values(chart)] == [1.0, None, 3.0]
    assert len(chart.notes) == 1 and "1 value" in chart.notes[0] and not line_chart("rec", {"": [(0, 1.0)]}).notes


@pytest.mark.parametrize(
    "curves", [{}, {"a": []}, {"a": [(0, 1.0)]}, {"a": [(5, math.nan)]}], ids=["none", "empty", "one", "nan"]
)
def test_the_axis_has_a_length_whatever_the_curves_are(curves):
    first, last, _ = (each["value"] for each in line_chart("a", curves, marks={}).spec["params"])
    assert first < last


@pytest.mark.trains
def test_the_grammar_accepts_a_chart_with_everything():
    curves = {"a.b[0]": [(0, 1.0), (1, math.nan), (2, 3.0)], 'x"]) || alert(1)': [(0, 2.0)]}
    chart = line_chart("t", curves, marks={"start's": 1}, best=[(2, 3.0)], dots=True)
    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": 300})
    assert svg.count("<path") > 10 and "start's" in svg.replace("&#39;", "'")


@pytest.mark.trains
@pytest.mark.parametrize(
    ("label", "place", "side"),
    [
        *[("here", 0, "start"), ("here", 5, "start"), ("here", 9, "start"), ("here", 9.5, "end"), ("here", 10, "end")],
        *[(30 * "m", 1, "start"), (30 * "m", 4.5, "middle"), (30 * "m", 7, "end")],
    ],
)
def test_the_label_of_a_mark_is_above_the_plot_on_the_side_with_room(label, place, side):
    chart = line_chart("t", {"": [(0, 1.0), (10, 2.0)]}, marks={label: place})
    svg = vl_convert.vegalite_to_svg({**chart.spec, "width": 300})
    (found,) = re.findall(rf"<text[^>]*>{label}<", svg)
    ((x, height),) = re.findall(r"translate\(([-\d.]+),([-\d.]+)\)", found)
    assert f'text-anchor="{side}"' in found and float(height) < 0
    length = LETTER * len(label)
    begin = float(x) - {"start": 0, "middle": length / 2, "end": length}[side]
    assert begin >= -1 and begin + length <= 301  # no letter is cut


@pytest.mark.trains
@pytest.mark.parametrize("width", [120, 300, 900])
@pytest.mark.parametrize("places", [(1, 1.2, 1.4), (1, 5, 9), (9, 5, 1)], ids=["close", "apart", "unordered"])
def test_labels_of_marks_are_in_rows_of_their_own_the_last_next_to_the_plot(places, width):
    marks = {f"the phase number {number} starts here": place for number, place in enumerate(places)}
    svg = vl_convert.vegalite_to_svg({**line_chart("t", {"": [(0, 1.0), (10, 2.0)]}, marks=marks).spec, "width": width})
    heights = {
        int(number): float(height)
        for height, number in re.findall(
            r"<text[^>]*translate\([-\d.]+,([-\d.]+)\)[^>]*>(?:the phase number )(\d)", svg
        )
    }
    in_order = [heights[number] for _, number in sorted(zip(places, range(3)))]
    assert in_order[-1] < 0 and all(below - above >= 11 for above, below in itertools.pairwise(in_order))


@pytest.mark.trains
@pytest.mark.parametrize("value", [0.001, -3.5e-7, 0.0, 1e6, 12.0], ids=str)
def test_a_constant_curve_is_between_labels_that_tell_its_value(value):
    svg = vl_convert.vegalite_to_svg({**line_chart("t", {"": [(0, value), (10, value)]}).spec, "width": 300})
    texts = re.findall(r'<text text-anchor="end" transform="translate\(-7[^>]*>([^<]+)<', svg)
    labels = [float(text.replace("\N{MINUS SIGN}", "-")) for text in texts]
    assert len(labels) == len(set(labels)) > 2 and min(labels) < value < max(labels)


@pytest.mark.trains
def test_zero_on_an_axis_of_powers_of_ten_is_zero():
    svg = vl_convert.vegalite_to_svg({**line_chart("t", {"": [(0, 0.0), (10, 2e-5)]}).spec, "width": 300})
    assert ">0<" in svg and "0e+0" not in svg and "2e-5" in svg


@pytest.mark.trains
@pytest.mark.parametrize(("first", "last"), [(2, 10), (0, 0.5)], ids=["before", "after"])
def test_a_mark_out_of_view_has_no_label(first, last):
    spec = line_chart("t", {"": [(0, 1.0), (10, 2.0)]}, marks={"here": 1}).spec
    params = [{"name": "from", "value": first}, {"name": "to", "value": last}]
    assert "here<" not in vl_convert.vegalite_to_svg({**spec, "width": 300, "params": [*params, *spec["params"][2:]]})


@pytest.mark.parametrize(
    ("curve", "stepped"),
    [
        ([1.0, 1.0, 1.0, 0.1, 0.1, 0.01, 0.01], True),
        ([1.0, 1.0, 0.1], False),  # too few values to tell
        ([0.0, 0.5, 1.0, 1.0, 1.0], False),  # a warm-up
        ([1.0, 1.0, 1.0, 1.0], False),
        ([1.0, None, 1.0, 1.0], False),
        ([], False),
    ],
    ids=["multistep", "short", "warm-up", "constant", "gap", "empty"],
)
def test_a_curve_is_stepped_if_it_is_constant_around_each_jump(curve, stepped):
    assert is_stepped(list(enumerate(curve))) == stepped


def _is_stairs(svg: str) -> bool:
    """Return whether each piece of the only line of a chart is level or upright."""
    (path,) = re.findall(r'aria-roledescription="line mark" d="([^"]+)"', svg)
    points = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[-\d.]+,[-\d.]+", path)]
    assert len(points) > 9
    return all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(points))


@pytest.mark.trains
def test_a_multistep_schedule_is_drawn_with_steps_and_a_cosine_is_not():
    multistep = [(10 * n, 1e-3 if n < 6 else 1e-4) for n in range(10)]
    cosine = [(10 * n, math.cos(n / 9)) for n in range(10)]
    charts = [line_chart("t", {"": curve}) for curve in (multistep, cosine)]
    assert [_is_stairs(vl_convert.vegalite_to_svg({**chart.spec, "width": 300})) for chart in charts] == [True, False]


@pytest.mark.trains
def test_dots_at_the_ends_of_the_axis_are_whole_and_those_out_of_view_unseen():
    spec = line_chart("t", {"a": [(0, 1.0), (5, 1.5), (10, 2.0)]}, best=[(10, 2.0)], dots=True).spec
    svg = vl_convert.vegalite_to_svg({**spec, "width": 300})
    symbols = re.findall(r'<g class="mark-symbol [^>]*>', svg)
    assert len(symbols) == 2 and not any("clip-path" in group for group in symbols)  # dots, and the ring
    params = [{"name": "from", "value": 2}, {"name": "to", "value": 8}]
    zoomed = vl_convert.vegalite_to_svg({**spec, "width": 300, "params": [*params, *spec["params"][2:]]})
    dots = re.findall(r'<path[^>]*fill="var\(--series-0\)"[^>]*>', zoomed)
    assert len(dots) == 3 and sum('opacity="0"' in dot for dot in dots) == 2
