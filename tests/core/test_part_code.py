"""Refusals of parts, a ValueError raised on purpose, beside bugs."""

# fmt: off

import math

import pytest

from genkit.part_code import is_refusal


def on_one_line(x):
    if x < 0: raise ValueError("negative")  # noqa: E701 - as the author of a part may write it


def after_a_wide_character(x):
    "é"; raise ValueError("negative")  # noqa: E702


def on_two_lines(x):
    raise ValueError(
        f"negative: {x}",
    )


def failed_operation(x):
    return math.log(x)


def failed_condition(x):
    if math.log(x) > 0: raise ValueError("large")  # noqa: E701


def library(x):
    return int("x")


# fmt: on
@pytest.mark.parametrize(
    ("call", "refuses"),
    [
        pytest.param(call, refuses, id=call.__name__)
        for call, refuses in (
            (on_one_line, True),
            (after_a_wide_character, True),
            (on_two_lines, True),
            (failed_operation, False),
            (failed_condition, False),
            (library, False),
        )
    ],
)
def test_a_refusal_is_a_value_error_that_a_raise_has_raised(call, refuses):
    with pytest.raises(ValueError) as caught:
        call(-1)
    assert is_refusal(caught.value) == refuses


def test_code_without_its_source_is_believed():
    with pytest.raises(ValueError) as caught:
        exec(compile("raise ValueError('negative')", "<no file>", "exec"), {"__name__": "my_part"})
    assert is_refusal(caught.value)
