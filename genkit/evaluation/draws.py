"""Samples for metrics, from the model and from the data, in chunks so that memory does not grow with their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from genkit.core.metric import ParallelMap
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows, seed_of
from genkit.core.types import Dataset

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
        """Return the value of the chunk that starts at place[0] and has place[1] samples."""
        chunk = self.chunk(*place)
        return chunk if self.function is None else self.function(chunk)


def draws(
    model: Model, data: Dataset, total: int, seed: int, parallel_map: ParallelMap = map
) -> tuple[ChunkedDraws, ChunkedDraws]:
    """Return `total` samples of the model, and `total` samples of the data, as pure functions of the seed.

    With `parallel_map`, several processes generate. The process that asks reads the data: sending them takes longer.
    """
    rows = rows_of_chunk(data)
    generated = ChunkedDraws(total, Generated(model, seed), rows, parallel_map)
    return generated, ChunkedDraws(total, Read(model, data, total, seed), rows)


@dataclass(frozen=True)
class Generated:
    """Samples of a model, (b, *shape), as a function of start and number."""

    model: Model
    seed: int

    def __call__(self, start: int, size: int, /) -> Tensor:
        """Return the samples."""
        noise = _noise(self.model, self.seed, start, size, "evaluation/prior")
        return self.model.sample(self.model.prior.sample(noise))


@dataclass(frozen=True)
class Read:
    """Samples of the data, (b, *shape), on the device of the model, as a function of start and number."""

    model: Model
    data: Dataset
    total: int
    seed: int

    def __call__(self, start: int, size: int, /) -> Tensor:
        """Return the samples. Raises `ValueError` if the split has fewer than `total`."""
        noise = _noise(self.model, self.seed, start, size, "evaluation/data")
        samples = self.data.batch(self.indices[start : start + size], noise)
        return samples.x.to(noise.device, noise.dtype)

    @cached_property
    def indices(self) -> Tensor:
        """The indices of all samples, (total,) int64, drawn when data are first read: not every metric reads them."""
        return subset(self.data, self.total)


def _noise(model: Model, seed: int, start: int, size: int, source: str) -> Noise:
    weight = next(model.parameters())
    return Noise(seed, start, source, Rows.all(size), weight.device, weight.dtype)


def rows_of_chunk(data: Dataset) -> int:
    """Return the number of samples that are evaluated at a time."""
    return max(1, min(CHUNK, CHUNK_NUMBERS // math.prod(data.shape)))


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
