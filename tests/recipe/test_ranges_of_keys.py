"""Ranges of keys: no key of a built-in part or of a plugin of this repository accepts a number without a meaning."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest

from genkit.plugin_check.example_values import NoExample, example_value
from genkit.recipe.binding.bind import Binder, Invalid
from genkit.recipe.binding.expected import expected
from genkit.recipe.binding.part_fields import SUPPLIED, kind_of, parameters_of, without_none
from genkit.recipe.installed.registry import load_registry
from genkit.recipe.text.document import Document

pytestmark = pytest.mark.fast

REGISTRY = load_registry()
ANY_NUMBER = {  # keys that take numbers below zero, and why
    ("schedules", "start"): "the key that takes the schedule has the bounds",
    ("schedules", "stop"): "as above",
    ("schedules", "value"): "as above",
    ("datasets", "window"): "values of a file, such as Hounsfield units",
    ("datasets", "value_window"): "as above",
    ("priors", "means"): "a place in the latent space",
    ("priors", "logvars"): "a logarithm",
}


def numeric_keys() -> Iterator[tuple[str, str, str]]:
    """Yield kind, part and key of each key that takes a number, a list of numbers or a schedule."""
    for (kind, name), (part, *_) in sorted(REGISTRY.parts.items()):
        for key, parameter in parameters_of(part.load()).items():
            words = expected(parameter.hint)
            if key not in SUPPLIED.get(kind, ()) and ("number" in words or "integer" in words):
                yield kind, name, key


def as_written(hint: Any, number: float) -> Any:
    """Return the value of a key with a number in each place that takes one: a number, a list, or lists in a list."""
    hint = without_none(hint)
    if get_origin(hint) is tuple:
        inner = [each for each in get_args(hint) if each is not ...]
        return [as_written(each, number) for each in inner]
    if get_args(hint) and not kind_of(hint):  # a choice of types: a list in it, or else the number
        lists = [each for each in get_args(hint) if get_origin(without_none(each)) is tuple]
        return as_written(lists[0], number) if lists and len(get_args(hint)) == 1 else number
    return number


def bound(kind: str, name: str, changes: dict[str, Any]) -> list[str]:
    """Bind a part with example values and these keys, and return the messages."""
    table: dict[str, Any] = {"use": name}
    for key, parameter in parameters_of(REGISTRY.find(kind, name).load()).items():
        if parameter.required and key not in SUPPLIED.get(kind, ()):
            try:
                table[key] = example_value(parameter.hint)
            except NoExample:
                table[key] = "x"
    if name in ("mnist", "fashion-mnist", "cifar10", "svhn", "hub-images"):  # they need a path or a hub id
        table["hub"] = "owner/name"
    binder = Binder(REGISTRY, Document({"part": table | changes}))
    try:
        target, arguments = binder.prepare(kind, table | changes, ("part",), SUPPLIED.get(kind, ()))
        if kind not in SUPPLIED:
            binder.construct(target, arguments, ("part",))
    except Invalid:
        return [str(problem) for problem in binder.problems]
    return []


@pytest.mark.parametrize("number", [-1, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("kind", "name", "key"), list(numeric_keys()))
def test_a_number_without_a_meaning_is_refused_by_the_name_of_its_key(kind, name, key, number):
    hint = parameters_of(REGISTRY.find(kind, name).load())[key].hint
    messages = bound(kind, name, {key: as_written(hint, number)})
    if number == -1 and (kind, key) in ANY_NUMBER:
        return
    assert len(messages) == 1 and key in messages[0], messages
    assert "failed with" not in messages[0]


def test_any_number_is_allowed_for_keys_of_the_parts_only():
    assert ANY_NUMBER.keys() <= {(kind, key) for kind, _, key in numeric_keys()}
    assert ("losses", "soft-introvae", "beta_neg") in {*numeric_keys()}
