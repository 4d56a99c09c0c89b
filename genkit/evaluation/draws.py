"""Samples for metrics, from the model and from the data, in chunks so that memory does not grow with their number."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genkit.core.condition import labels_in
from genkit.core.dataset import Dataset, GroupedDataset, LabelledDataset, Samples
from genkit.core.metric import ParallelMap
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows, seed_of

CHUNK = 1000  # most samples in a chunk ...
CHUNK_NUMBERS = 2**22  # ... and most numbers: 341 colour images of 64 x 64, or 21 of 256 x 256


@dataclass(frozen=True)
class ChunkedDraws:
    """`total` samples in chunks of `rows`. `chunk(start, size)` is a pure function that returns one chunk."""

    total: int
    chunk: Callable[[int, int], Tensor]
    rows: int = CHUNK
    parallel_map: ParallelMap = map

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks, (b, *shape)."""
        yield from self.parallel_map(OfChunk(self.chunk), self.places())

    def places(self) -> list[tuple[int, int]]:
        """Return the start and the size of each chunk."""
        return [(start, min(self.rows, self.total - start)) for start in range(0, self.total, self.rows)]


@dataclass(frozen=True)
class OfChunk:
    """Function of the place of a chunk: of the chunk itself, or of what a function returns for it."""

    chunk: Callable[[int, int], Tensor]
    function: Callable[[Tensor], Any] | None = None

    def __call__(self, place: tuple[int, int], /) -> Any:
        """Return the value of the chunk that starts at place[0] and has place[1] samples.

        The function runs under the condition of the samples, if the model is conditional.
        """
        if self.function is None or not isinstance(self.chunk, SamplesOfPlace):
            chunk = self.chunk(*place)
            return chunk if self.function is None else self.function(chunk)
        samples = self.chunk.samples(*place)
        with self.chunk.model.given(samples.extra or None):
            return self.function(samples.x)


def draws(
    model: Model, data: Dataset, total: int, seed: int, parallel_map: ParallelMap = map
) -> tuple[ChunkedDraws, ChunkedDraws]:
    """Return `total` samples of the model, and `total` samples of the data, as pure functions of the seed.

    With `parallel_map`, several processes generate. The process that asks reads the data: sending them takes longer.
    """
    generated = ChunkedDraws(total, Generated(model, seed), rows_of_chunk(data.shape), parallel_map)
    return generated, read(model, data, total, seed)


def read(model: Model, data: Dataset, total: int, seed: int, *, labelled: bool = True) -> ChunkedDraws:
    """Return `total` samples of the data. Those of other data than the model's are not `labelled`."""
    return ChunkedDraws(total, Read(model, data, total, seed, labelled), rows_of_chunk(data.shape))


class SamplesOfPlace(ABC):
    """Samples for a model, as a function of start and number, with the condition of each."""

    model: Model

    @abstractmethod
    def samples(self, start: int, size: int) -> Samples:
        """Return the samples, (b, *shape), and what `Model.given` takes for them."""

    def __call__(self, start: int, size: int, /) -> Tensor:
        """Return the samples, (b, *shape)."""
        return self.samples(start, size).x


@dataclass(frozen=True)
class Generated(SamplesOfPlace):
    """Samples of a model. Their classes have the frequencies of the training data."""

    model: Model
    seed: int

    def samples(self, start: int, size: int) -> Samples:
        """Return the samples, and their classes if the model is conditional."""
        noise = _noise(self.model, self.seed, start, size, "evaluation/prior")
        condition = self.model.draw_condition(noise)
        with self.model.given(condition):
            return Samples(self.model.sample(self.model.prior.sample(noise)), condition)


@dataclass(frozen=True)
class Read(SamplesOfPlace):
    """Samples of the data, on the device of the model."""

    model: Model
    data: Dataset
    total: int
    seed: int
    labelled: bool = True  # whether the samples keep their labels: those of other data may be no classes of the model

    def samples(self, start: int, size: int) -> Samples:
        """Return the samples and their labels. Raises `ValueError` if the split has fewer than `total`."""
        noise = _noise(self.model, self.seed, start, size, "evaluation/data")
        samples = self.data.batch(self.indices[start : start + size], noise)
        return Samples(samples.x.to(noise.device, noise.dtype), samples.extra if self.labelled else {})

    @cached_property
    def indices(self) -> Tensor:
        """The indices of all samples, (total,) int64, drawn when data are first read: not every metric reads them."""
        return subset(self.data, self.total)


def labels_of(data: Dataset, total: int) -> Tensor:
    """Return the classes of `total` samples of the data, (total,) int64, in the order in which they are read.

    Raises `ValueError` for samples without labels, and if the split has fewer than `total`.
    """
    indices = subset(data, total)
    known = data.class_labels() if isinstance(data, LabelledDataset) else None
    if known is not None:
        return known[indices]
    chunks = enumerate(indices.split(rows_of_chunk(data.shape)))
    read = (data.batch(chunk, Noise(0, at, "evaluation/labels", Rows.all(len(chunk)))) for at, chunk in chunks)
    return torch.cat([labels_in(samples.extra).cpu() for samples in read])


def groups_of(data: Dataset, total: int) -> list[str] | None:
    """Return the groups of `total` samples of the data in the order in which they are read; None without groups.

    Raises `ValueError` if the split has fewer than `total`.
    """
    if not isinstance(data, GroupedDataset) or not data.has_groups:
        return None
    groups = data.sample_groups()
    return [groups[index] for index in subset(data, total).tolist()]


def _noise(model: Model, seed: int, start: int, size: int, source: str) -> Noise:
    weight = next(model.parameters())
    return Noise(seed, start, source, Rows.all(size), weight.device, weight.dtype)


def rows_of_chunk(shape: tuple[int, ...]) -> int:
    """Return the number of samples that are evaluated at a time.

    A grey image counts as a colour image, since the maps within a network are equally large.
    """
    numbers = math.prod(shape) if len(shape) != 3 else max(shape[0], 3) * shape[1] * shape[2]
    return max(1, min(CHUNK, CHUNK_NUMBERS // numbers))


def subset(data: Dataset, total: int) -> Tensor:
    """Return the indices of `total` samples of a split, (total,) int64. They do not depend on the seed of the run.

    The indices are a random subset, because many data sets are sorted: image folders by class, the digits of MNIST by
    writer. Raises `ValueError` if the split has fewer samples.
    """
    if data.size is None or total == data.size:
        return torch.arange(total)
    if total > data.size:
        raise ValueError(f"the {data.split} split has {data.size} samples, but the protocol needs {total}")
    generator = torch.Generator().manual_seed(seed_of("evaluation/subset", data.size))
    return torch.randperm(data.size, generator=generator)[:total]
