"""Copies of a part with another value of one key, to find keys that a name or a protocol forgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

from genkit.recipe.binding.part_fields import parameters_of, without_none


def variants(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key of a part that is a number, a switch or a choice, with a copy that has another value of it.

    Values that the part refuses are left out.
    """
    for key, parameter in parameters_of(part.__class__).items():
        for other in _other_values(getattr(part, key), without_none(parameter.hint)):
            try:
                yield key, replace(part, **{key: other})
            except ValueError:
                continue


def _other_values(value: Any, hint: Any) -> list[Any]:
    if get_origin(hint) is Literal:
        return [choice for choice in get_args(hint) if choice != value]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, max(value // 2, 1)]
    return [0.5 * value] if isinstance(value, float) and value else []
