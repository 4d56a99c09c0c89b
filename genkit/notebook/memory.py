"""Data sets from arrays and tensors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.bases.pictures.source import is_held_out
from genkit.errors import UsageError, warn_user
from genkit.notebook.arrays import labels_tensor, samples_tensor
from genkit.parts.datasets.in_memory import HeldSamples, HeldSplit, samples_held
from genkit.recipe.text.document import Document, read
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.saved_model import find_model
from genkit.storage.listing import exists

IN_MEMORY = "in-memory"


class MemoryData:
    """Samples in memory, split into those to train on and the held-out ones. See `genkit.data_from`."""

    def __init__(self, held: HeldSamples):
        self.held = held

    def row_trained_on(self, x: Tensor) -> int | None:
        """Return the first row of samples, (n, *shape) as a network takes them, that is one to train on, or None."""
        rows = {each.tobytes(): row for row, each in reversed([*enumerate(x.to(torch.float32).numpy())])}
        train = self.held.train.x
        as_given = (each.to(torch.float32) / 255 if train.dtype == torch.uint8 else each for each in train)
        return min((rows[key] for each in as_given if (key := each.numpy().tobytes()) in rows), default=None)

    def __repr__(self) -> str:
        table = self.held.table
        labels = " with labels" if table["labelled"] else ""
        return (
            f"<data in memory: {table['samples']:,} samples{labels} of shape {tuple(table['shape'])} to train on, "
            f"{table['held_out_samples']:,} held out>"
        )


def data_from(samples: Any, labels: Any = None, held_out: Any = 0.1, *, held_out_labels: Any = None) -> MemoryData:
    """Return samples in memory as data to train on, for `genkit.train(recipe, data=...)`.

    Args:
        samples: An array or a tensor: images (N, C, H, W) as uint8 or as floats in [0, 1], or points (N, D) as finite
            floats. uint8 means 0 to 255. The samples are copied.
        labels: The class of each sample, (N,) integers from 0 on, for conditional models and metrics of labels. A
            warning says if most classes up to the largest have no sample.
        held_out: The share of the samples that is never trained on, above 0 and below 1, or such samples themselves, an
            array like `samples`. A digest of the number of each row decides for a share, as for files of arrays, so
            only about that share is held out.
        held_out_labels: The class of each held-out sample, if those are an array.

    A run on them is resumed, evaluated and read from Python with the same samples: its recipe keeps their fingerprint.
    Raises `UsageError` for values that are no samples.
    """
    x, of_x = samples_tensor(samples, "data_from(): samples"), None
    if labels is not None:
        of_x = labels_tensor(labels, len(x), "data_from(): labels")
        _warn_of_empty_classes(of_x)
    if isinstance(held_out, (int, float)) and not isinstance(held_out, bool):
        if held_out_labels is not None:
            raise UsageError("data_from(): held_out_labels are for held-out samples. Leave them out with a share.")
        return MemoryData(_split_by_share(x, of_x, float(held_out)))
    other = samples_tensor(held_out, "data_from(): held_out")
    if other.shape[1:] != x.shape[1:]:
        raise UsageError(
            f"data_from(): the held-out samples have the shape {tuple(other.shape[1:])}, the others "
            f"{tuple(x.shape[1:])}. Give both the same shape."
        )
    if (held_out_labels is None) is not (labels is None):
        raise UsageError("data_from(): only one of the splits has labels. Give labels and held_out_labels, or neither.")
    of_other = None
    if held_out_labels is not None:
        of_other = labels_tensor(held_out_labels, len(other), "data_from(): held_out_labels")
    return MemoryData(HeldSamples(HeldSplit(x, of_x), HeldSplit(other, of_other)))


def _warn_of_empty_classes(labels: Tensor) -> None:
    """Warn if most classes from 0 to the largest have no sample.

    It is no error: part of a data set may lack classes. But a conditional model has weights for each of them.
    """
    classes, filled = int(labels.max()) + 1, len(labels.unique())
    if 2 * filled < classes:
        text = (
            f"data_from(): labels: classes with a sample: {filled:,} of the {classes:,} from 0 to {classes - 1:,}. If "
            "labels are other numbers than those of classes, number them: numpy.unique(x, return_inverse=True)[1]."
        )
        warn_user(text)


def _split_by_share(x: Tensor, labels: Tensor | None, share: float) -> HeldSamples:
    if not 0 < share < 1:
        raise UsageError(
            f"data_from(): held_out = {share:g}; expected a share above 0 and below 1, or an array of held-out samples."
        )
    out = torch.tensor([is_held_out(str(row), share) for row in range(len(x))])
    if out.all() or not out.any():
        split = "held-out" if not out.any() else "training"
        raise UsageError(
            f"data_from(): the {split} split is empty when a share of {share:g} of {len(x):,} samples is held out. "
            "Change the share, or give held-out samples."
        )
    splits = (HeldSplit(x[rows], None if labels is None else labels[rows]) for rows in (~out, out))
    return HeldSamples(*splits)


def held_by(data: object) -> HeldSamples | None:
    """Return the samples of what `genkit.data_from` has returned, or None. Raises `UsageError` for anything else."""
    if data is None:
        return None
    if not isinstance(data, MemoryData):
        raise UsageError(f"data: found a {type(data).__name__}. Pass genkit.data_from(samples).")
    return data.held


def with_memory(document: Document, data: MemoryData) -> Document:
    """Return a recipe with samples in memory in place of its data."""
    lines = {path: line for path, line in document.lines.items() if path[:1] != ("data",)}
    overrides = {path: option for path, option in document.overrides.items() if path[:1] != ("data",)}
    overrides[("data",)] = "data_from()"
    tables = {**document.tables, "data": held_by(data).table}  # type: ignore[union-attr]
    return replace(document, tables=tables, lines=lines, overrides=overrides)


@contextmanager
def data_of_run(path: str | PathLike[str], data: MemoryData | None) -> Iterator[None]:
    """Let the block read the data of a run or of a model folder, those in memory from `data`.

    Raises `UsageError` if it was trained on other samples than `data`, or on files.
    """
    held = held_by(data)
    if held is not None:
        table = _recipe_of(Path(path)).tables.get("data")
        table = table if isinstance(table, dict) else {}
        if table.get("use") != IN_MEMORY:
            raise UsageError(f"{path}: this run was not trained on samples in memory. Leave out `data`.")
        if table.get("fingerprint") != held.fingerprint:
            raise UsageError(f"{path}: `data` are not the samples that this run was trained on{_change(table, held)}.")
    with samples_held(held):
        yield


def _recipe_of(path: Path) -> Document:
    resolved = RunFolder(path).resolved
    return read(resolved) if exists(resolved) else find_model(path).recipe


def _change(table: dict[str, Any], held: HeldSamples) -> str:
    """Return how the numbers or the shape of samples differ; empty if only values do."""
    then, now = ([each.get(key) for key in ("samples", "held_out_samples", "shape")] for each in (table, held.table))
    if then == now:
        return ": their values, their order or their labels differ. Give the same samples"
    shown = [f"{train:,} and {test:,} held out, of shape {shape}" for train, test, shape in (then, now)]
    return f" ({shown[0]} then, {shown[1]} now). Give the same samples"
