"""Samples for metrics, from the model and from the data, in chunks so that memory does not grow with their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor

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

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks, (b, *shape)."""
        for start in range(0, self.total, self.rows):
            yield self.chunk(start, min(self.rows, self.total - start))


def draws(model: Model, data: Dataset, total: int, seed: int) -> tuple[ChunkedDraws, ChunkedDraws]:
    """Return `total` samples of the model, and `total` samples of the data, as pure functions of the seed."""
    weight = next(model.parameters())

    def noise(start: int, size: int, source: str) -> Noise:
        return Noise(seed, start, source, Rows.all(size), weight.device, weight.dtype)

    def generate(start: int, size: int) -> Tensor:
        return model.sample(model.prior.sample(noise(start, size, "evaluation/prior")))

    def read(start: int, size: int) -> Tensor:
        samples = data.batch(indices()[start : start + size], noise(start, size, "evaluation/data"))
        return samples.x.to(weight.device, weight.dtype)

    indices = cache(partial(subset, data, total))  # computed when data are first read: not every metric reads them
    rows = rows_of_chunk(data)
    return ChunkedDraws(total, generate, rows), ChunkedDraws(total, read, rows)


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
