"""The classes of the rows that a conditional model computes, as a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import torch
from torch import Tensor

from genkit.core.condition import ClassFacts
from genkit.core.model import Model
from genkit.errors import UsageError
from genkit.runs.trained_models.class_labels import label_of

Labels = int | str | Sequence[int | str] | Tensor | None


def labels_of_rows(model: Model, label: Any, number: int, what: str) -> Tensor | None:
    """Return the class of each row, (number,) int64, on the device of the model; None if no class is given.

    `label` is a class for all rows, or one for each row: an integer is the number of a class, in the order of
    `class_names`, and a text is its name. Raises `UsageError`, which begins with `what`, for an unknown class, for
    another number of classes, and for a model that is not conditional.
    """
    if label is None:
        return None
    facts = model.class_facts
    if model.condition_classes is None or facts is None:
        raise UsageError(f"{what}: label: the model is not conditional, so its samples have no classes. Leave it out.")
    given = label.tolist() if hasattr(label, "tolist") else label
    each = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given] * number
    if len(each) != number:
        raise UsageError(f"{what}: label: {len(each)} classes for {number} rows. Give one class, or one for each row.")
    labels = [_number_of(one, facts, f"{what}: label") for one in each]
    return torch.tensor(labels, dtype=torch.int64, device=next(model.parameters()).device)


def _number_of(given: Any, facts: ClassFacts, what: str) -> int:
    """Return the number of a class. Raises `UsageError`."""
    if isinstance(given, str):
        return label_of(given, facts, what)
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise UsageError(f"{what}: found {given!r}, expected the number of a class, or its name as a text.")
    number = index(given)
    if not 0 <= number < len(facts.names):
        raise UsageError(f"{what}: no class {number}. The model has {len(facts.names)} classes, from 0 on.")
    return number
