"""Samples in the memory of the program that calls genkit.

A recipe cannot hold them, so it holds their fingerprint. The program holds the samples for the length of a call
(`samples_held`), and the data set that is built within the call takes those with its fingerprint. Elsewhere, such as on
the command line, the data set has no samples and says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, NamedTuple

import torch
from torch import Tensor

from genkit.api import (
    LABEL,
    Doc,
    Noise,
    NonNegativeInt,
    PositiveInt,
    Raw,
    Samples,
    UsageError,
    batch_in_two_steps,
    finished_images,
)
from genkit.api.pictures import SplitKey

IMAGE = "image"  # of the tensors that are loaded, as `finished_images` names it


class HeldSplit(NamedTuple):
    """The samples of a split."""

    x: Tensor  # (N, *shape), uint8 or float32, on the CPU
    labels: Tensor | None  # (N,) int64; None without labels


@dataclass(frozen=True)
class HeldSamples:
    """Samples in memory: those to train on, and the held-out ones."""

    train: HeldSplit
    test: HeldSplit
    fingerprint: str = field(init=False)  # a digest of everything

    def __post_init__(self) -> None:
        digest = hashlib.blake2b(digest_size=16)
        for x, labels in (self.train, self.test):
            digest.update(f"{x.dtype} {tuple(x.shape)} {labels is not None}".encode())
            digest.update(x.numpy().data)
            digest.update(b"" if labels is None else labels.numpy().data)
        object.__setattr__(self, "fingerprint", digest.hexdigest())

    @property
    def table(self) -> dict[str, Any]:
        """The table ``[data]`` of a recipe that is trained on these samples."""
        return {
            "use": "in-memory",
            "shape": list(self.train.x.shape[1:]),
            "samples": len(self.train.x),
            "held_out_samples": len(self.test.x),
            "labelled": self.train.labels is not None,
            "fingerprint": self.fingerprint,
        }


_held: ContextVar[HeldSamples | None] = ContextVar("samples in memory", default=None)


@contextmanager
def samples_held(samples: HeldSamples | None) -> Iterator[None]:
    """Let the data sets that the block builds have these samples, if their fingerprint is that of the recipe."""
    token = _held.set(samples)
    try:
        yield
    finally:
        _held.reset(token)


@dataclass(frozen=True)
class InMemory:
    """Samples that a program in Python passes to `genkit.train`; the keys describe them.

    Raises `ValueError` unless a sample is a point, (D,), or an image, (C, H, W).
    """

    shape: Annotated[tuple[PositiveInt, ...], Doc("Shape of one sample: [D] for points, or [C, H, W] for images.")]
    samples: Annotated[PositiveInt, Doc("Number of samples to train on.")]
    held_out_samples: Annotated[NonNegativeInt, Doc("Number of samples that are held out.")]
    fingerprint: Annotated[str, Doc("Digest of all samples and labels, which a resume compares.")]
    labelled: Annotated[bool, Doc("Whether each sample has a class.")] = False
    split: SplitKey = "train"

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3):
            raise ValueError(f"shape = {list(self.shape)}; expected [D] for points or [C, H, W] for images")
        held = _held.get()
        self._keep(held if held is not None and held.fingerprint == self.fingerprint else None)

    def _keep(self, held: HeldSamples | None) -> None:
        vars(self)["held"] = held

    @property
    def size(self) -> int:
        """Number of samples in the split."""
        return self.samples if self.split == "train" else self.held_out_samples

    def unmet(self) -> tuple[str, ...]:
        """Return that the samples are not in memory, if they are not."""
        if vars(self)["held"] is not None:
            return ()
        number = self.samples + self.held_out_samples
        return (
            f"[data] this run was trained from Python on {number:,} samples in memory, which no file holds. Call "
            "genkit from Python with the same samples, such as genkit.resume(RUN, data=genkit.data_from(SAMPLES)).",
        )

    def has_labels(self) -> bool:
        """Return whether the samples have classes."""
        return self.labelled

    def class_labels(self) -> Tensor | None:
        """Return the class of each sample, (N,) int64; None without classes."""
        return self._split().labels if self.labelled else None

    def class_names(self) -> tuple[str, ...]:
        """Return nothing: the classes have no names."""
        return ()

    def held_out(self) -> InMemory:
        """Return the held-out samples."""
        if self.split == "test":
            return self
        keys = {item.name: getattr(self, item.name) for item in fields(self)}
        found = InMemory(**{**keys, "split": "test"})
        found._keep(vars(self)["held"])  # also outside the call that has built this data set
        return found

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the samples at `indices`, (B,), as (B, *shape), and ``extra["label"]``, (B,) int64."""
        return batch_in_two_steps(self, indices, noise)

    def load(self, indices: Tensor, noise: Noise) -> Raw:
        """Return the bytes of the samples at `indices`, (B,), and their labels."""
        x, labels = self._split()
        rows = indices.cpu()
        return Raw({IMAGE: x[rows]} if labels is None else {IMAGE: x[rows], LABEL: labels[rows]})

    def finish(self, raw: Raw, noise: Noise) -> Samples:
        """Return the samples, (B, *shape), those of uint8 in [0, 1], and their labels."""
        if raw.tensors[IMAGE].dtype == torch.uint8:
            return finished_images(raw, noise)
        label = raw.tensors.get(LABEL)
        return Samples(raw.tensors[IMAGE].to(noise.dtype), {} if label is None else {LABEL: label})

    def _split(self) -> HeldSplit:
        held: HeldSamples | None = vars(self)["held"]
        if held is None:
            raise UsageError("\n".join(self.unmet()))
        return held.train if self.split == "train" else held.test
