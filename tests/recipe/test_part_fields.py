"""The keys of a part, read from its signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pytest
from annotated_types import Interval

from genkit.api import Divergence, Doc, Extractor, PositiveFloat, PositiveInt, Schedule
from genkit.recipe.binding.expected import expected
from genkit.recipe.binding.part_fields import Form, form_of, parameters_of
from genkit.recipe.tables import EMA, Use


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (PositiveInt, "a positive integer"),
        (PositiveFloat | None, "a positive number"),
        (Annotated[int, Interval(ge=2)], "an integer >= 2"),
        (Annotated[float, Interval(ge=0, le=1)], "a number from 0 to 1"),
        (Annotated[float, Interval(gt=0, lt=1)], "a number > 0 and < 1"),
        (str, "a string"),
        (bool, "true or false"),
        (Literal["none", "tanh"], 'one of "none", "tanh"'),
        (Literal["none"], '"none"'),
        (tuple[PositiveInt, ...], "a list, each item a positive integer"),
        (tuple[float, float], "a list of 2 items, each a number"),
        (tuple[float, str], "a list of 2 items (a number; a string)"),
        (Literal["none", "centre"] | PositiveInt, 'one of "none", "centre", or a positive integer'),
        (Mapping[str, float], "a table"),
        (Schedule | None, "a number or a schedule"),
        (Divergence, "a divergence"),
        (Extractor, "an extractor"),
        (Use, "a table"),
        (EMA, "a table"),
        (Mapping[str, Use], "tables"),
        (Mapping[str, EMA], "tables"),
    ],
)
def test_a_type_is_said_in_words(hint, words):
    assert expected(hint) == words


@pytest.mark.parametrize(
    ("hint", "form"),
    [
        (Schedule, Form.PART),
        (Use, Form.USE),
        (Mapping[str, Use], Form.USES),
        (EMA, Form.TABLE),
        (Mapping[str, EMA], Form.TABLES),
        (Mapping[str, float], Form.VALUE),
        (PositiveInt, Form.VALUE),
    ],
)
def test_each_type_has_its_form(hint, form):
    assert form_of(hint) is form


@dataclass
class Part:
    width: Annotated[PositiveInt, Doc("Units of a layer.")]
    names: Annotated[list[str], Doc("Names.")] = field(default_factory=lambda: ["a"])
    plain: float = 1.0


def test_a_parameter_has_its_type_its_default_and_its_doc():
    parameters = parameters_of(Part)
    assert parameters["width"].required and parameters["width"].doc == "Units of a layer."
    assert parameters["width"].hint == PositiveInt
    assert (parameters["names"].default, parameters["names"].required) == (["a"], False)
    assert (parameters["plain"].default, parameters["plain"].doc) == (1.0, "")
