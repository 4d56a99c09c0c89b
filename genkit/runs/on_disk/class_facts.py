"""The classes of the training data among the facts of a model folder and of a checkpoint.

A conditional model needs them where its data are not at hand: to draw classes, and to name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from genkit.core.condition import ClassFacts
from genkit.core.model import Model

CLASSES = "classes"  # key of the facts


def facts_of_classes(classes: ClassFacts | None) -> dict[str, Any]:
    """Return the facts to store; none for a model that is not conditional."""
    if classes is None:
        return {}
    return {CLASSES: {"frequencies": list(classes.frequencies), "names": list(classes.names)}}


def add_class_facts(model: Model, facts: Mapping[str, Any]) -> None:
    """Give a conditional model the stored facts of its classes; equal frequencies if none are stored that fit."""
    classes = model.condition_classes
    if classes is None:
        return
    stored = facts.get(CLASSES)
    stored = stored if isinstance(stored, Mapping) else {}
    frequencies, names = (stored.get(key) for key in ("frequencies", "names"))
    model.class_facts = ClassFacts.equal(classes)
    if _is_list(frequencies, float, classes) and _is_list(names, str, classes):
        model.class_facts = ClassFacts(tuple(frequencies), tuple(names))


def _is_list(found: Any, kind: type, number: int) -> TypeGuard[list[Any]]:
    return isinstance(found, list) and len(found) == number and all(isinstance(each, kind) for each in found)
