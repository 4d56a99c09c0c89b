"""The types of the arguments of a function, checked when it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, wraps
from numbers import Integral, Real
from os import PathLike
from types import NoneType, UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from genkit.errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")

MOST_SHOWN = 60  # characters of a value in a message
WORDS = {
    str: "a text",
    PathLike: "a path",
    float: "a number",
    int: "a whole number",
    bool: "True or False",
    NoneType: "None",
    Mapping: "a mapping",
}
NAMES = {
    "Run": "a genkit.Run",
    "MemoryData": "genkit.data_from(samples)",
    "RecipeLike": "a recipe",
    "Plan": "a plan",
    "device": "a torch.device",
    "Callback": "genkit.Callback objects",
    "Result": "results",
}


def checked_arguments(**remedies: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function raise `UsageError` for an argument that does not have the type of its annotation.

    The message names the argument, what was found and what is expected, and ends with the remedy of an argument that
    has one. Texts that a `Literal` does not have are left to the function, which may suggest one. Several values may be
    given as any iterable that is no text and no mapping: the function gets a list of them. Missing and unknown
    arguments are the `TypeError` of Python.
    """
    return lambda function: _checked(function, remedies)


def _checked(function: Callable[P, R], remedies: Mapping[str, str]) -> Callable[P, R]:
    signature = inspect.signature(function)

    @cache
    def hints() -> dict[str, Any]:
        return get_type_hints(function)  # when it is called: the classes of a module may follow

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)  # Python says it best
        for name, value in bound.arguments.items():
            if name in hints():
                where, remedy = f"{function.__name__}(): {name}", remedies.get(name, "")
                several = signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
                values = [_of_type(each, hints()[name], where, remedy) for each in (value if several else [value])]
                bound.arguments[name] = tuple(values) if several else values[0]
        return function(*bound.args, **bound.kwargs)

    return checked


def _of_type(value: Any, hint: Any, where: str, remedy: str) -> Any:
    """Return a value, or a list of the values of an iterable. Raises `UsageError` if it does not have the type."""
    choices = _choices(hint)
    if any(_is_one(value, each) for each in choices):
        return value
    found = _shown(value)
    inner = [get_args(each)[0] for each in choices if get_origin(each) is Sequence]
    if inner and _has_values(value):
        values = list(value)
        wrong = [each for each in values if not any(_is_one(each, one) for one in _choices(inner[0]))]
        if not wrong:
            return values
        found = f"{_shown(wrong[0])} among them"
    raise UsageError(f"{where}: found {found}, expected {_expected(hint)}.{f' {remedy}' if remedy else ''}")


def _has_values(value: Any) -> bool:
    """Return whether several values may be given as this; an array without a dimension has none."""
    texts_and_tables = (str, bytes, Mapping)
    return isinstance(value, Iterable) and not isinstance(value, texts_and_tables) and getattr(value, "ndim", 1) > 0


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is_one(value: Any, hint: Any) -> bool:
    """Return whether a value has a type that is no union and no sequence."""
    if get_origin(hint) is Literal:
        return isinstance(value, str)
    kind = get_origin(hint) or hint
    if kind is Any:
        return True
    if kind is Sequence:
        return False
    if kind in (float, int, bool):
        return _is_number(value, kind)
    return isinstance(value, kind)


def _is_number(value: Any, kind: type) -> bool:
    """Return whether a value is a number of Python, NumPy or torch; 0 and 1 are also True and False."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if kind is bool:
        return isinstance(value, bool) or (isinstance(value, Integral) and value in (0, 1))
    return isinstance(value, Integral if kind is int else Real) and not isinstance(value, bool)


def _expected(hint: Any) -> str:
    """Return the types of a hint in words: "a number or None"."""
    words = list(dict.fromkeys(_in_words(each) for each in _choices(hint)))
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _in_words(hint: Any) -> str:
    kind = get_origin(hint) or hint
    if kind is Literal:
        return ", ".join(f'"{each}"' for each in get_args(hint))
    if kind is Sequence:
        inner = _expected(get_args(hint)[0])
        return f"a list of {inner.replace('a text', 'texts').replace('a mapping', 'mappings')}"
    return WORDS.get(kind) or NAMES.get(kind.__name__) or f"a {kind.__name__}"


def _shown(value: Any) -> str:
    """Return a value with its type: "3 (int)"."""
    text = repr(value)
    text = text if len(text) <= MOST_SHOWN and "\n" not in text else ""
    name = type(value).__name__
    return "None" if value is None else f"{text} ({name})" if text else f"a {name}"
