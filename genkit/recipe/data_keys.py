"""Keys that a recipe leaves out and whose value depends on the data: what is held out, and how many samples are read.

They are shown and written as comments, and are not part of the resolved recipe: `genkit eval` may use other data, and
then they have other values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from genkit.core.metric import EvaluationProtocol
from genkit.recipe.bind_recipe import BoundRecipe
from genkit.recipe.document import KeyPath
from genkit.recipe.registry import Part
from genkit.recipe.resolved import Key


def data_keys(bound: BoundRecipe, protocols: Mapping[str, EvaluationProtocol]) -> Iterator[Key]:
    """Yield `hold_out` of the data and `samples` of each metric, where the recipe leaves them out.

    Yields nothing for data that are missing on this machine.
    """
    data, held_out = bound.data, bound.data.held_out()
    if data.unmet() or held_out.unmet():
        return
    if _left_out(data, "hold_out"):
        value = f"{held_out.size} samples are held out, {data.size} are trained on"
        yield _key(bound.parts, ("data",), "hold_out", value)
    for label, protocol in protocols.items():
        if _left_out(bound.metrics[label], "samples"):
            yield _key(bound.parts, ("metrics", label), "samples", protocol.samples)


def _left_out(part: Any, key: str) -> bool:
    return is_dataclass(part) and key in {item.name for item in fields(part)} and getattr(part, key) is None


def _key(parts: Mapping[KeyPath, Part], path: KeyPath, name: str, value: Any) -> Key:
    part = parts[path]
    return Key((*path, name), value, f'default of "{part.entry.name}" for these data ({part.owner})')
