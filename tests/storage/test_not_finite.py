"""Numbers that are not finite, beside a value that strict parsers of JSON read."""

import json
import math

import pytest

from genkit.storage.not_finite import with_not_finite, without_not_finite

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ({"a": 1.5, "b": None, "c": "inf"}, {}),
        ({"a": INF, "b": [1, -INF]}, {"/a": "inf", "/b/1": "-inf"}),
        ({"a/b": {"c~d": INF}, "": [INF]}, {"/a~1b/c~0d": "inf", "//0": "inf"}),
        ([[INF, None]], {"/0/0": "inf"}),
    ],
    ids=["finite", "both", "special-names", "lists"],
)
def test_numbers_come_back_and_the_rest_is_strict_json(value, numbers):
    strict, found = without_not_finite(value)
    assert found == numbers
    text = json.dumps(strict, allow_nan=False)
    assert with_not_finite(json.loads(text), found) == value


def test_nan_comes_back():
    strict, numbers = without_not_finite({"a": NAN})
    assert strict == {"a": None} and math.isnan(with_not_finite(strict, numbers)["a"])


@pytest.mark.parametrize("numbers", [{"/b": "inf"}, {"/a": "inf"}, {"/n": "1"}, {"/n": 3}, {"n": "inf"}], ids=repr)
def test_a_number_that_cannot_have_been_there_is_refused(numbers):
    with pytest.raises(ValueError, match=r"^/?\w: "):
        with_not_finite({"a": 1.0, "n": None}, numbers)
