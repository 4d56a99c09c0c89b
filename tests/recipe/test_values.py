"""Plain values, converted to the types of their keys."""

from collections.abc import Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import MultipleOf
from pydantic import AfterValidator
from support.messages import assert_names

from genkit.api import PositiveInt
from genkit.recipe.binding.values import Mismatch, convert
from genkit.recipe.text.toml_text import WrittenFloat


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


@pytest.mark.parametrize(
    ("hint", "raw", "names", "text"),
    [
        (str, date(2026, 11, 28), ("found 2026-11-28, a date", "a string"), '"2026-11-28"'),
        (Path, datetime(2026, 11, 28, 9, 5), ("found 2026-11-28 09:05:00",), '"2026-11-28 09:05:00"'),
        (PositiveInt, time(9, 5), ("found 09:05:00", "a positive integer"), ""),
        (str, 2024, ("found 2024", "a string"), '"2024"'),
        (Path, WrittenFloat("1e5"), ("found 1e5", "a path"), '"1e5"'),
        (str, True, ("found true",), '"true"'),
        (Literal["a", "b"], 3, ("found 3", 'one of "a", "b"'), ""),
        (Mapping[str, Any], {"a": {"b": date(2026, 1, 2)}}, ("found 2026-01-02",), '"2026-01-02"'),
        (int, 1 << 65, ("66 bits",), ""),
        (list[int], [1 << 65], ("66 bits",), ""),
        (int, 1 << 15_000, ("bits",), ""),
        (str, "a\udcfcb", ('found "a\\udcfcb"', "UTF-8"), ""),
        (list[str], ["a\udcfcb"], ("UTF-8",), ""),
        (Path, "a\0b", ("NUL",), ""),
        (Path, "a" * 5_000, ("5,000 characters",), ""),
    ],
    ids=lambda given: ascii(given)[:20] if not isinstance(given, int) else "number",
)
def test_a_value_that_no_key_takes_is_refused_with_the_text_to_write(hint, raw, names, text):
    with pytest.raises(Mismatch) as refused:
        convert(hint, raw)
    assert_names(refused.value, *names)
    assert refused.value.text == text


def test_a_path_may_have_bytes_that_are_not_utf_8_and_a_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert convert(Path, "bilder_f\udcfcr") == Path("bilder_f\udcfcr")
    assert convert(Path | None, "~/x") == Path("/home/somebody/x")
    assert convert(float | Path, "~/x") == Path("/home/somebody/x")
    assert convert(str, "~/x") == "~/x"
