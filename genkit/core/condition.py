"""Conditions: the class of each row that a model computes.

A condition is ambient. `genkit.core.model.Model.given` sets it for a block of code, and the modules of the model that
derive from `Conditional` read it: a prior with a Gaussian for each class, networks that are given the class. So losses,
metrics and scores work with conditional models, and none of them mentions labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genkit.core.dataset import Dataset, LabelledDataset
from genkit.core.noise import Noise
from genkit.errors import PartMistake

LABEL = "label"
"""Name of the classes, (B,) int64, in `Samples.extra`."""


class Conditional(nn.Module):
    """Module whose output for a row depends on the class of the row, one of `classes`.

    `Model.given` sets the classes of the rows. Derive from this class before other modules, and ask `labels_of`.
    """

    classes: int
    """Number of classes; their labels are 0, 1, ..."""
    needs_class: bool = False
    """Whether it refuses rows whose class is unknown."""
    labels: Tensor | None = None
    """Classes of the rows of the present block, (B,) int64; None without a condition."""

    def labels_of(self, rows: int, device: torch.device) -> Tensor | None:
        """Return the class of each of `rows` rows, (B,) int64; None outside of a block that gives a condition.

        Raises `PartMistake` if the block gives the classes of another number of rows.
        """
        if self.labels is None:
            return None
        if self.labels.shape[0] != rows:
            raise PartMistake(
                f"{type(self).__name__} computes {rows} rows, but the condition has the labels of {len(self.labels)}. "
                "Call each network and the prior with the rows of the batch, in their order, or give these rows a "
                "condition: with model.given(extra)"
            )
        return self.labels.to(device)


@dataclass(frozen=True)
class ClassFacts:
    """The classes of the training data, as far as a model must know them when the data are not at hand."""

    frequencies: tuple[float, ...]
    """Share of the training samples in each class; they sum to 1."""
    names: tuple[str, ...]
    """Names of the classes, in the order of their labels."""

    @classmethod
    def equal(cls, classes: int) -> ClassFacts:
        """Return the facts of classes of which nothing is known: equal shares, and numbers as names."""
        return cls((1 / classes,) * classes, names_of(classes, ()))


def names_of(classes: int, known: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all classes: the known ones, and numbers for the others."""
    return (*known[:classes], *map(str, range(len(known), classes)))


def class_facts(data: Dataset, classes: int) -> ClassFacts:
    """Return the facts of the classes of the training data, for a model of `classes` classes. Reads all labels.

    Raises `ValueError` for a label that the model does not have. Data that do not know all of their labels, such as a
    stream, have equal shares.
    """
    labels = data.class_labels() if isinstance(data, LabelledDataset) else None
    names = data.class_names() if isinstance(data, LabelledDataset) else ()
    if labels is None or len(labels) == 0:
        return ClassFacts((1 / classes,) * classes, names_of(classes, names))
    check_range(labels, classes)
    counts = torch.bincount(labels, minlength=classes).double()
    return ClassFacts(tuple((counts / counts.sum()).tolist()), names_of(classes, names))


def labels_in(extra: Mapping[str, Tensor]) -> Tensor:
    """Return ``extra["label"]``, (B,) int64. Raises `ValueError` unless it has an integer for each row."""
    labels = extra.get(LABEL)
    if labels is None:
        found = f"these samples have only {', '.join(sorted(extra))}" if extra else "these samples have none"
        raise ValueError(
            f'the class of each sample, extra["label"], is needed, but {found}. Use data with labels, or a model and '
            "metrics that need no classes"
        )
    if labels.dim() != 1 or labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"labels: found {str(labels.dtype).removeprefix('torch.')} of the shape {tuple(labels.shape)}, expected "
            "one integer for each sample, (B,)"
        )
    return labels.long()


def check_range(labels: Tensor, classes: int) -> None:
    """Raise `ValueError` unless labels, (B,), are from 0 to `classes` - 1. It waits for a GPU that holds them."""
    if labels.numel() and not (labels.min() >= 0 and labels.max() < classes):
        raise ValueError(
            f"labels go from {labels.min().item()} to {labels.max().item()}, but the model has the classes 0 to "
            f"{classes - 1}. Set `classes`, in [model] or [model.prior], to the number of classes of the data"
        )


def draw_labels(frequencies: Sequence[float], noise: Noise) -> Tensor:
    """Return a class for each row of the noise, (B,) int64, by the inverse of the cumulative frequencies."""
    u = noise.rand(LABEL)
    cumulative = torch.tensor(frequencies, dtype=torch.float64).cumsum(dim=0).to(u)
    last = max(label for label, share in enumerate(frequencies) if share > 0)
    return (u[:, None] >= cumulative).sum(dim=1).clamp(max=last)  # rounding may leave the last one below 1
