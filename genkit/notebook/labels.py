"""The classes of the rows that a conditional model computes, as a user gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genkit.core.model import Model
from genkit.errors import UsageError
from genkit.runs.class_labels import label_of

Labels = int | str | Sequence[int | str] | Tensor | None


def labels_of_rows(model: Model, label: Any, number: int, what: str) -> Tensor | None:
    """Return the class of each row, (number,) int64, on the device of the model; None if no class is given.

    `label` is a class for all rows, or one for each row, by name or number. Raises `UsageError`, which begins with
    `what`, for an unknown class, for another number of classes, and for a model that is not conditional.
    """
    if label is None:
        return None
    facts = model.class_facts
    if model.condition_classes is None or facts is None:
        raise UsageError(f"{what}: label: the model is not conditional, so its samples have no classes. Leave it out.")
    given = label.tolist() if hasattr(label, "tolist") else label
    each = [given] * number if isinstance(given, (int, str)) else list(given)
    if len(each) != number:
        raise UsageError(f"{what}: label: {len(each)} classes for {number} rows. Give one class, or one for each row.")
    labels = [label_of(str(name), facts, f"{what}: label") for name in each]
    return torch.tensor(labels, device=next(model.parameters()).device)
