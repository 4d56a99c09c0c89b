"""Which of several comparable values is best, and which tie for it."""

import itertools

import pytest

from genkit.runs.comparison.compared_metrics import ComparisonRow
from genkit.runs.comparison.standing import Standing, standings

BEST, TIED, NONE = Standing.BEST, Standing.TIED, Standing.NONE
LOWEST, HIGHEST = Standing.LOWEST, Standing.HIGHEST


def row(values, intervals=None, better="lower"):
    return ComparisonRow(("m",), "m", "", better, values, {}, intervals or {})


def test_without_intervals_the_leading_value_is_the_lowest_or_the_highest():
    values = {"a": 1.0, "b": 2.0, "c": 1.5}
    assert standings(row(values), ()) == {"a": LOWEST, "b": NONE, "c": NONE}
    assert standings(row(values, better="higher"), ()) == {"a": NONE, "b": HIGHEST, "c": NONE}
    assert set(standings(row(values, better=None), ()).values()) == {NONE}


def test_the_best_value_ties_exactly_with_those_whose_intervals_overlap_with_its_own():
    ends = [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0), (1.01, 4.0), (5.0, 6.0)]
    for chosen in itertools.permutations(range(len(ends)), 3):
        intervals = {str(number): ends[number] for number in chosen}
        values = {name: (low + high) / 2 for name, (low, high) in intervals.items()}
        first = min(values, key=values.get)
        overlapping = {
            n for n, (low, high) in intervals.items() if low <= intervals[first][1] and high >= intervals[first][0]
        }
        leading = {name for name, each in standings(row(values, intervals), ()).items() if each is not NONE}
        assert leading == overlapping
        assert standings(row(values, intervals), ())[first] == (BEST if len(overlapping) == 1 else TIED)
        mirrored = {name: (-high, -low) for name, (low, high) in intervals.items()}
        negated = row({name: -value for name, value in values.items()}, mirrored, "higher")
        assert standings(negated, ()) == standings(row(values, intervals), ())


def test_a_run_that_has_collapsed_has_no_other_standing_and_nothing_takes_its_place():
    values = {"a": 1.0, "b": 2.0, "c": 3.0}
    for gone in values:
        before = standings(row(values), ())
        assert standings(row(values), (), {gone}) == {**before, gone: Standing.COLLAPSED}
    tie = row({"a": 1.0, "b": 1.0, "c": 3.0})
    assert standings(tie, (), {"b"}) == {"a": NONE, "b": Standing.COLLAPSED, "c": NONE}, "there is no tie of one"
    assert standings(tie, (), {"c"}) == {"a": TIED, "b": TIED, "c": Standing.COLLAPSED}
    assert standings(row({"a": 1.0, "b": None}), (), {"b"}) == {"a": NONE}, "there is no value to mark"


def test_values_that_are_printed_alike_tie():
    assert standings(row({"a": 0.6931441, "b": 0.6931449}), ()) == {"a": TIED, "b": TIED}
    assert standings(row({"a": 0.69314, "b": 0.69315}), ()) == {"a": LOWEST, "b": NONE}


def test_a_leading_value_needs_an_interval_of_its_own_to_be_best():
    values = {"a": 1.0, "b": 2.0}
    assert standings(row(values, {"a": (0.5, 1.5)}), ())["a"] is BEST
    assert standings(row(values, {"b": (1.5, 2.5)}), ())["a"] is LOWEST
    assert standings(row(values, {"b": (0.5, 2.5)}), ()) == {"a": TIED, "b": TIED}


@pytest.mark.parametrize(
    ("values", "unfinished"),
    [
        ({"a": 1.0}, ()),
        ({"a": 1.0, "b": None}, ()),
        ({"a": 1.0, "b": 2.0}, ("b",)),
        ({"a": 1.0, "b": float("nan")}, ()),
    ],
    ids=["alone", "refused", "unfinished", "nan"],
)
def test_nothing_is_best_without_a_comparison_of_finished_runs(values, unfinished):
    assert set(standings(row(values), unfinished).values()) == {NONE}
