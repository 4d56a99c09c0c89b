"""Colours of a heat map: order, ends, scale, and contrast of the text in both themes."""

import itertools
import math
import re

import pytest

from genkit.pages import render
from genkit.pages.heat_map import heat_levels, is_logarithmic


@pytest.mark.parametrize(
    "values", [[3.0, 1.0, 2.0], [-5.0, 1e9, 0.0], [1e-3, 10.0, 0.5], [1e308, -1e308, 0.0]], ids=range(4)
)
def test_the_best_value_has_the_strongest_colour_and_the_order_is_that_of_the_values(values):
    named = dict(zip("abc", values))
    for better, sign in (("higher", 1), (None, 1), ("lower", -1)):
        levels = heat_levels(named, better)
        assert sorted(named, key=lambda name: sign * named[name]) == sorted(levels, key=levels.get)
        assert min(levels.values()) == 0 and max(levels.values()) == 1


def test_the_scale_is_linear_until_values_differ_by_a_large_factor():
    assert heat_levels({"a": 0.0, "b": 1.0, "c": 4.0}, "higher")["b"] == pytest.approx(1 / 4)
    assert heat_levels({"a": 1.0, "b": 10.0, "c": 100.0}, "higher")["b"] == pytest.approx(1 / 2)
    assert is_logarithmic([1.0, 51.0]) and not is_logarithmic([1.0, 49.0])
    assert not is_logarithmic([0.0, 1000.0]) and not is_logarithmic([-1.0, 1000.0]) and not is_logarithmic([])


def test_equal_values_have_half_and_values_that_are_not_finite_have_no_colour():
    assert heat_levels({"a": 2.0, "b": 2.0, "c": math.nan, "d": math.inf}, "lower") == {"a": 0.5, "b": 0.5}
    assert heat_levels({}, "lower") == heat_levels({"a": math.nan}, None) == {}


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_text_of_every_cell_can_be_read_in_both_themes():
    """Every mixture of the two ends has a contrast of 4.5 with the text: WCAG 2.1, success criterion 1.4.3."""
    style = (render.ASSETS / "theme.css").read_text()
    themes = []
    for block in re.findall(r"\{([^{}]*--heat-0:[^{}]*)\}", style):
        colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        named = (colours[name] for name in ("text", "heat-0", "heat-1"))
        themes.append([tuple(int(each[at : at + 2], 16) / 255 for at in (1, 3, 5)) for each in named])
    assert len(themes) == 3 and themes[1] == themes[2] != themes[0]
    for (text, none, strong), tenth in itertools.product(themes, range(11)):
        cell = tuple(a + (b - a) * tenth / 10 for a, b in zip(none, strong))
        low, high = sorted((luminance(text), luminance(cell)))
        assert (high + 0.05) / (low + 0.05) >= 4.5
