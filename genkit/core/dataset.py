"""Interfaces of data sets: samples, labels, masks. Importing this does not import torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.core.noise import Noise

MASK = "mask"
"""Name of the masks, (B, H, W) bool, in `Samples.extra`."""


class Samples(NamedTuple):
    """Samples of a data set at some indices."""

    x: Tensor
    """The samples, (B, *shape) float32: images (B, C, H, W) in [0, 1], or points (B, D)."""
    extra: Mapping[str, Tensor] = {}
    """Labels and similar, each (B, ...)."""


class Raw(NamedTuple):
    """What a `TwoStepDataset` has loaded, before it becomes samples."""

    tensors: Mapping[str, Tensor]
    """Tensors on the CPU, each (B, ...); the training copies them to its device."""
    notes: Mapping[str, str] = {}
    """Texts for `finish`, such as the pictures that were skipped."""


@runtime_checkable
class TwoStepDataset(Protocol):
    """Data set that makes samples in two steps: it loads bytes on the CPU, and converts them on the device.

    A data set implements it in addition to `Dataset`, with ``batch = load, then finish`` (`batch_in_two_steps`).
    """

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Return what `finish` needs for the samples at `indices`, (B,) int64.

        It may run in a worker process, some steps ahead. What it stores in the data set is lost there, and `noise` is
        on the CPU.
        """
        ...

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the samples. Runs in the process that trains; the tensors are on the device of `noise`."""
        ...


@runtime_checkable
class FingerprintedSource(Protocol):
    """Data set of unknown size whose source may change, such as a stream of files.

    A run stores the fingerprint of its data and compares it when it is resumed or evaluated. For a data set with a
    `size` genkit computes the fingerprint from the samples (`genkit.evaluation.data_fingerprint`). A stream implements
    this method instead, because reading its samples would take as long as a pass over the data.
    """

    def data_fingerprint(self) -> Mapping[str, Any]:
        """Return facts about the source that change whenever the source changes, as values that JSON can store.

        The fact "samples" is the number of samples in one pass over the source.
        """
        ...


@runtime_checkable
class LabelledDataset(Protocol):
    """Data set that knows the classes of its samples. It is optional: other data sets may give labels with a batch.

    A batch has the class of each sample as ``extra["label"]``, (B,) int64, from 0 on.
    """

    def has_labels(self) -> bool | None:
        """Return whether the samples have classes, without reading the data; None if only reading them shows it."""
        ...

    def class_labels(self) -> Tensor | None:
        """Return the class of each sample of the split, (N,) int64; None if they have none. May read the data."""
        ...

    def class_names(self) -> tuple[str, ...]:
        """Return the names of the classes in the order of the labels; empty if they have none."""
        ...


@runtime_checkable
class NamedDataset(Protocol):
    """Data set whose samples have names, such as those of files. It is optional: other samples have only a number.

    Exports name files by them: names are printable, no two are equal, and none is absolute or has the part ``..``.
    """

    def sample_names(self) -> Sequence[str]:
        """Return the name of each sample of the split, in the order of the samples; empty if they are not known."""
        ...


@runtime_checkable
class GroupedDataset(Protocol):
    """Data set whose samples may be in groups, such as patients. It is optional: other samples are independent."""

    @property
    def has_groups(self) -> bool:
        """Whether the samples are in groups, without reading the data."""
        ...

    def sample_groups(self) -> Sequence[str]:
        """Return the group of each sample of the split, in the order of the samples; empty without groups."""
        ...


@runtime_checkable
class MaskedDataset(Protocol):
    """Data set of images with masks: its samples have ``extra["mask"]``, (B, H, W) bool, True for abnormal pixels."""

    @property
    def has_masks(self) -> Literal[True]:
        """True; a data set without masks does not have this property."""
        ...


class Dataset(Protocol):
    """Samples of one shape, from one split of a source. Samples with three dimensions are images in [0, 1]."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample: (D,) for points, (C, H, W) for images. Known without reading the data."""
        ...

    @property
    def split(self) -> str:
        """Name of the split: "train", "test", or "drawn" for a density, whose samples never repeat."""
        ...

    @property
    def size(self) -> int | None:
        """Number of samples; None for a density or a stream."""
        ...

    def unmet(self) -> tuple[str, ...]:
        """Return what is missing on this machine, and how to get it; empty if the data can be read."""
        ...

    def held_out(self) -> Dataset:
        """Return the held-out split, which is never trained on."""
        ...

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the samples at `indices`, (B,) int64. All randomness comes from `noise`, one row a sample.

        A density ignores the values of `indices` and draws a new sample for each.
        """
        ...
