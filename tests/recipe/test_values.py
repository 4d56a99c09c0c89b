"""Plain values, converted to the types of their keys."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import pytest
from annotated_types import MultipleOf
from pydantic import AfterValidator
from support.messages import assert_names

from genkit.api import PositiveInt
from genkit.recipe.values import Mismatch, convert


def odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError("must be odd")
    return value


@pytest.mark.parametrize(
    ("hint", "raw", "value"),
    [
        (PositiveInt, 3, 3),
        (float, 3, 3.0),
        (tuple[int, ...], [1, 2], (1, 2)),
        (Path, "a/b", Path("a/b")),
        (Mapping[str, list[int]], {"a": [1]}, {"a": [1]}),
    ],
)
def test_a_value_is_converted_to_its_type(hint, raw, value):
    converted = convert(hint, raw)
    assert converted == value and type(converted) is type(value)


@pytest.mark.parametrize(
    ("hint", "raw", "inner", "names"),
    [
        (PositiveInt, 0, (), ("found 0", "a positive integer")),
        (int, True, (), ("found true", "an integer")),
        (int, "3", (), ('found "3"', "an integer")),
        (str, 3, (), ("found 3", "a string")),
        (tuple[int, int], [1], (), ("found [1]", "a list of 2 items")),
        (tuple[PositiveInt, ...], [1, 0], (), ("found [1, 0]", "each item a positive integer")),
        (Mapping[str, dict[str, float]], {"a": {"b": "x"}}, ("a", "b"), ('found "x"', "a number")),
        (Mapping[str, list[str]], {"a": [1]}, ("a",), ("found [1]", "each item a string")),
        (Annotated[int, MultipleOf(4)], 3, (), ("found 3", "an integer", "multiple of 4")),
        (Annotated[int, AfterValidator(odd)], 2, (), ("found 2", "an integer", "must be odd")),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_expected(hint, raw, inner, names):
    with pytest.raises(Mismatch) as refused:
        convert(hint, raw)
    assert refused.value.inner == inner
    assert_names(refused.value, *names)


def test_a_type_that_toml_cannot_hold_is_refused():
    class Layer:
        pass

    with pytest.raises(Mismatch) as refused:
        convert(Layer, 3)
    assert_names(refused.value, "Layer", "TOML")
