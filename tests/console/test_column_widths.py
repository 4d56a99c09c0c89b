"""Widths of columns of a table that is wider than the terminal, and the breaks within its words."""

import itertools
import random

import pytest

from genkit.console.column_widths import balanced_parts, column_widths
from genkit.console.words import wrapped


def test_a_table_that_fits_is_as_wide_as_its_cells():
    assert column_widths([("key", "value"), ("title", "two words")], 14) == [5, 9]


def test_a_narrow_table_has_room_for_each_word():
    rows = [("key", "from"), ("metrics.high-quality.samples", 'default of "high-quality" (genkit-torch 0.1.0)')]
    widths = column_widths(rows, 45)
    assert sum(widths) == 45
    assert widths[0] == len("metrics.high-quality.samples")
    assert widths[1] >= len("(genkit-torch")


def test_only_the_longest_words_are_broken_if_they_do_not_fit():
    assert column_widths([("metrics.modes.samples", "a/path/of/nearly/forty/characters/x.toml")], 42) == [21, 21]


def test_a_narrow_column_is_not_broken_for_a_wide_one():
    rows = [("metric", "value", "", "protocol"), ("modes", "8", "higher is better", "50000 samples, " * 20)]
    widths = column_widths(rows, 160)
    assert widths[:3] == [6, 5, 16] and sum(widths) == 160


def test_a_table_narrower_than_its_columns_has_columns_of_one_character():
    assert column_widths([("a word", "of", "three")], 2) == [1, 1, 1]


def test_words_with_hyphens_give_way_before_words_without():
    rows = [("metric", "S-IntroVAE"), ("high-quality", "0.0497"), ("reconstruction-error", "continuously")]
    assert column_widths(rows, 28) == [16, 12]
    assert wrapped("reconstruction-error", 16) == ["reconstruction-", "error"]


@pytest.mark.parametrize(
    "cell, width, lines",
    [
        *(("high-quality ↑", 14, "high-quality ↑"), ("high-quality ↑", 12, "high-quality|↑")),
        *(("high-quality ↑", 11, "high-|quality ↑"), ("0.0065 ± 0.0001*", 9, "0.0065|± 0.0001*")),
        *(("a/path/of/files", 8, "a/path/|of/files"), ("a.long.module", 7, "a.long.|module")),
        *(("metrics.high-quality.weights", 20, "metrics.high-|quality.weights"), ("0001-run-s0", 8, "0001-|run-s0")),
        *(("8.62e-06", 6, "8.62e-|06"), ("-0.5", 4, "-0.5"), ("unbreakable", 5, "unbre|akabl|e")),
        *(("two words", 5, "two|words"), ("two words", 9, "two words"), ("a\nb c", 2, "a|b|c"), ("", 3, "")),
    ],
)
def test_a_word_that_is_too_wide_is_broken_where_it_hurts_least(cell, width, lines):
    assert wrapped(cell, width) == lines.split("|")


def test_a_name_gives_way_before_a_key_and_a_key_before_a_number():
    key, name, number = "metrics.high-quality.weights", "0001-soft-introvae-8gaussians-s0", "-0.123456789e-06"
    assert column_widths([(name, key)], len(key) + 20) == [20, len(key)]
    assert column_widths([(key, number)], len(number) + 15) == [15, len(number)]
    assert column_widths([("unbreakable-or-so", number)], len(number) + 5) == [5, len(number)]


@pytest.mark.parametrize("seed", range(30))
def test_parts_are_the_fewest_that_fit_and_then_the_most_equal(seed):
    """Compared with all divisions of the columns into consecutive parts."""
    source = random.Random(seed)
    widths = [source.randint(3, 20) for _ in range(source.randint(1, 8))]
    width = source.randint(20, 60)
    divisions = []
    for cuts in itertools.product([False, True], repeat=len(widths) - 1):
        ends = [place for place, cut in enumerate(cuts, 1) if cut]
        parts = [range(*ends) for ends in itertools.pairwise([0, *ends, len(widths)])]
        if all(sum(widths[place] for place in part) <= width for part in parts):
            divisions.append(parts)
    found = balanced_parts(widths, width)
    assert found in divisions
    fewest = min(map(len, divisions))
    spread = [sum(len(part) ** 2 for part in parts) for parts in divisions if len(parts) == fewest]
    assert (len(found), sum(len(part) ** 2 for part in found)) == (fewest, min(spread))


def test_a_column_wider_than_the_part_is_alone():
    assert balanced_parts([5, 50, 5, 5], 20) == [range(1), range(1, 2), range(2, 4)]
    assert balanced_parts([4] * 7, 12) == [range(3), range(3, 5), range(5, 7)]


def test_a_percentage_is_not_broken():
    assert wrapped("an interval of 95 %, 1000 replicates", 18) == ["an interval of", "95 %, 1000", "replicates"]
