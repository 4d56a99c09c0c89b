"""Two processes that train together, simulated in one, so that a forgotten `gather` is visible without starting any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.noise import Rows

T = TypeVar("T")


def on_two_processes(batch: Batch, run: Callable[[Batch], T]) -> tuple[T, T]:
    """Return what `run` returns on each of two processes, which have half of the batch each.

    A gather returns the rows of both, with gradient. The halves are run once more for each gather, which may depend on
    those before it. Raises `AssertionError` if one process gathers more often than the other.
    """
    gathered: list[Tensor] = []  # the rows of both processes, in the order of the gathers
    while True:
        own: tuple[list[Tensor], list[Tensor]] = ([], [])
        results = [run(_half(batch, rank, _gather(own[rank], gathered))) for rank in (0, 1)]
        assert len(own[0]) == len(own[1]), f"one process gathers {len(own[0])} times, the other {len(own[1])} times"
        if len(gathered) == len(own[0]):
            return results[0], results[1]
        number = len(gathered)
        gathered.append(torch.cat([own[0][number], own[1][number]]))


def _gather(own: list[Tensor], gathered: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """Return a gather that records the rows of a process; it returns those of both as far as they are known."""

    def gather(x: Tensor) -> Tensor:
        own.append(x)
        return gathered[len(own) - 1] if len(own) <= len(gathered) else torch.cat([x, x])

    return gather


def _half(batch: Batch, rank: int, gather: Callable[[Tensor], Tensor]) -> Batch:
    """Return the rows of one of two processes."""
    size = len(batch.x) // 2
    own = slice(rank * size, (rank + 1) * size)
    noise = replace(batch.noise, rows=Rows(own.start, own.stop, 2 * size))
    extra = {name: values[own] for name, values in batch.extra.items()}
    return replace(batch, x=batch.x[own], noise=noise, extra=extra, carry={}, rank=rank, gather_rows=gather)
