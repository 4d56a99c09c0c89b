"""Widths of columns of a table that is wider than the terminal, and the breaks within its words."""

import pytest

from genkit.console.column_widths import column_widths, with_breaks


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
    assert with_breaks("reconstruction-error", 16) == "reconstruction-\nerror"


@pytest.mark.parametrize(
    "word, width, shown",
    [
        *(("high-quality ↑", 12, "high-quality ↑"), ("high-quality ↑", 11, "high-\nquality ↑")),
        *(("a/path/of/files", 8, "a/path/\nof/files"), ("a.long.module", 7, "a.long.\nmodule")),
        *(("8.62e-06", 6, "8.62e-06"), ("-0.5", 3, "-0.5"), ("unbreakable", 5, "unbreakable")),
    ],
)
def test_a_word_that_is_too_wide_is_broken_after_a_hyphen_a_full_stop_or_a_slash(word, width, shown):
    assert with_breaks(word, width) == shown
