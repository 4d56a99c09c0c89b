"""Means over seeds as text, and the best number of a line."""

import itertools
import math
import statistics
from dataclasses import replace

from genkit.tables.best_number import mark_best
from genkit.tables.cell_number import CellNumber
from genkit.tables.shared_decimals import share_decimals


def test_a_number_is_mean_and_spread_over_seeds():
    values = (10.0, 12.0, 17.0)
    assert CellNumber(values).text == f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}"
    assert CellNumber((2.5,)).text == "2.50"
    assert CellNumber((8.0, 8.0)).text == "8 ± 0"
    assert CellNumber((0.0123,), stale=True).text == "0.0123†"
    assert CellNumber((), without_values="refused").text == "refused"
    assert CellNumber((2.0, 3.0), seeds_in_table=3).text == "2.50 ± 0.71 (2 of 3)"


def test_a_spread_above_zero_is_not_printed_as_zero():
    assert CellNumber((15.738, 15.744)).text == "15.741 ± 0.004"
    assert CellNumber((0.006721, 0.006724)).text == "0.006723 ± 0.000002"
    assert CellNumber((2.5, 2.5)).text == "2.50 ± 0"  # which no spread above zero is, however small
    assert CellNumber((2.5, 2.5 + 1e-9)).text == "2.50000 ± 0.00000"


def test_a_small_or_large_number_keeps_its_digits():
    assert CellNumber((0.00041,)).text == "4.10e-04"
    assert CellNumber((0.0123,)).text == "0.0123"
    assert CellNumber((0.0041,)).text == "0.0041"
    assert CellNumber((2.5e7 + 0.5,)).text == "2.50e+07"


def test_one_seed_has_the_interval_of_its_metric_and_several_have_their_spread():
    assert CellNumber((0.93,), ((0.91, 0.95),)).text == "0.930 [0.910, 0.950]"
    assert CellNumber((1.0,), ((1.0, 1.0),)).text == "1.00 [1.00, 1.00]"
    assert (
        CellNumber((-12.3,), ((-14.0, -11.0),), stale=True, seeds_in_table=2).text == "-12.3 [-14.0, -11.0]† (1 of 2)"
    )
    assert CellNumber((0.5,), (None,)).text == "0.500"
    two = CellNumber((0.92, 0.94), ((0.91, 0.95), (0.9, 0.96)))
    assert two.interval is None and two.text == "0.930 ± 0.014"


def test_different_ends_of_an_interval_are_not_printed_as_equal():
    assert CellNumber((0.99991,), ((0.9999, 0.99994),)).text == "0.99991 [0.99990, 0.99994]"


def texts(*lines):
    """Return the texts of lines of one metric, each number given by the values of its seeds."""
    shared = share_decimals(
        [{str(n): None if values is None else CellNumber(values) for n, values in enumerate(line)} for line in lines]
    )
    return [[None if number is None else number.text for number in line.values()] for line in shared]


def test_a_whole_number_has_the_decimals_of_its_line():
    assert texts([(1.0, 1.0), (0.999996, 1.0), (0.93, 0.95), None]) == [
        ["1.000000 ± 0", "0.999998 ± 0.000003", "0.940 ± 0.014", None]
    ]
    assert texts([(1.0,), (0.93,)]) == [["1.000", "0.930"]]
    assert texts([(8.0, 8.0), (7.0, 8.0)]) == [["8.00 ± 0", "7.50 ± 0.71"]]
    assert texts([(0.0, 0.0), (0.02, 0.04)]) == [["0 ± 0", "0.0300 ± 0.0141"]]
    assert texts([(0.0,), (0.25,)]) == [["0", "0.250"]]  # no other number is printed so
    assert texts([(3.0, 3.0), (2.5e7 + 0.5, 2.5e7)])[0][0] == "3 ± 0"  # a power of ten has no decimals to share


def test_a_line_of_whole_numbers_has_decimals_only_if_its_metric_does_not_count():
    assert texts([(1.0, 1.0), (1, 1)], [(0.93, 0.95), (12.5, 13.5)]) == [
        ["1.0 ± 0", "1.0 ± 0"],
        ["0.940 ± 0.014", "13.0 ± 0.7"],
    ]
    assert texts([(8.0, 8.0), (9.0,)], [(7.0, 8.0), (0.0, 2.0)], [(0, 0), (13, 14)]) == [
        ["8.00 ± 0", "9"],
        ["7.50 ± 0.71", "1.00 ± 1.41"],
        ["0 ± 0", "13.50 ± 0.71"],
    ]
    assert texts([(8.0, 8.0), ()]) == [["8 ± 0", "not run"]] and texts() == []


def test_numbers_within_0_and_1_have_three_decimals_unless_they_would_be_printed_as_0():
    lines = [[(0.05, 0.07), (0.9, 0.94)], [(0.0123,), (0.00012, 0.00014)], [(0.0, 0.0), (1.0, 1.0)], [(0.0,), (4e-5,)]]
    numbers = [{str(n): CellNumber(values) for n, values in enumerate(line)} for line in lines]
    assert [[each.text for each in line.values()] for line in share_decimals(numbers, unit=True)] == [
        ["0.060 ± 0.014", "0.920 ± 0.028"],
        ["0.012", "0.00013 ± 0.00001"],
        ["0 ± 0", "1.000 ± 0"],
        ["0", "0.00004"],
    ]
    one = CellNumber((0.03,), ((0.02, 0.04),))
    assert share_decimals([{"a": one}], unit=True)[0]["a"].text == "0.0300 [0.0200, 0.0400]"


def test_a_number_of_seeds_with_intervals_is_no_count():
    one = ((1.0, 1.0), (1.0, 1.0))
    assert CellNumber((1.0, 1.0), one).text == "1.00 ± 0"
    assert CellNumber((1.0,), one[:1], decimals=5).text == "1.00000 [1.00000, 1.00000]"
    assert CellNumber((1.0, 1.0), stale=True, seeds_in_table=3, decimals=3).text == "1.000 ± 0† (2 of 3)"


def best_of(better, **values):
    numbers = mark_best({name: CellNumber(tuple(seeds)) for name, seeds in values.items()}, better)
    return [name for name, number in numbers.items() if number.best]


def test_a_number_is_best_if_chance_explains_it_once_in_twenty_at_most():
    three, other = (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)
    assert best_of("lower", a=three, b=other) == ["a"]
    assert best_of("higher", a=three, b=other) == ["b"]
    assert best_of(None, a=three, b=other) == []
    assert best_of("lower", a=three[:2], b=other) == []  # 1 in 10
    assert best_of("lower", a=three[:2], b=(*other, 7.0, 8.0)) == ["a"]  # 1 in 21
    assert best_of("lower", a=three, b=(3.0, 5.0, 6.0)) == []  # a tie
    assert best_of("lower", a=three, b=other, c=(9.0,)) == []  # 1 in 4 against c
    assert best_of("lower", a=three) == []  # nothing to compare with


def test_the_probability_is_that_of_the_permutation_test():
    ranks = range(6)
    splits = list(itertools.combinations(ranks, 3))
    wins = sum(max(split) < min(set(ranks) - set(split)) for split in splits)
    assert wins / len(splits) == 1 / math.comb(6, 3) == 0.05


def test_a_number_is_not_best_if_one_of_its_seeds_is_missing_or_a_number_of_the_line_is_stale():
    one = CellNumber((1.0, 2.0, 3.0), seeds_in_table=3)
    other = CellNumber((4.0, 5.0, 6.0), seeds_in_table=3)

    def first_is_best(one, other):
        return mark_best({"a": one, "b": other}, "lower")["a"].best

    assert first_is_best(one, other)
    assert not first_is_best(replace(one, seeds_in_table=4), other)
    assert first_is_best(one, replace(other, seeds_in_table=4))
    assert not first_is_best(one, replace(other, stale=True)) and not first_is_best(replace(one, stale=True), other)
