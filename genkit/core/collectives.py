"""Collective operations with a gradient, for the parts: sums and gathered rows over all processes.

They act on the process group that torch knows, so a layer needs no object of the engine. Without a group they are the
identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from genkit.errors import ProcessLost


@contextmanager
def together() -> Iterator[None]:
    """Raise `ProcessLost` if another process ends while this one communicates with it."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost(f"another process of this run has ended: {str(error).splitlines()[0]}.") from error


def number_of_processes() -> int:
    """Return the number of processes of the group; 1 without a group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_rows(x: Tensor) -> Tensor:
    """Return the rows of all processes, (B, ...) -> (n·B, ...). The gradient is the sum over all processes."""
    return x if number_of_processes() == 1 else _Gather.apply(x)


def total(x: Tensor) -> Tensor:
    """Return the sum of `x` over all processes. The gradient is the sum over all processes."""
    return x if number_of_processes() == 1 else _Total.apply(x)


class _Gather(torch.autograd.Function):
    """All-gather with a gradient: the sum over all processes of the gradient of this process's rows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.rows = len(x)
        gathered = [torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(number_of_processes())]
        with together():
            dist.all_gather(gathered, x.contiguous())
        return torch.cat(gathered)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous().clone()
        with together():
            dist.all_reduce(gradient)
        rank = dist.get_rank()
        return gradient[rank * ctx.rows : (rank + 1) * ctx.rows]


class _Total(torch.autograd.Function):
    """Sum over all processes. Its gradient is the sum of the gradients of all processes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        summed = x.detach().clone()
        with together():
            dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        return _Total.apply(upstream.contiguous())
