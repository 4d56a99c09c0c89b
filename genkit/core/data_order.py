"""The order of the data as a pure function of (seed, epoch): there is no sampler state to save or to lose."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from genkit.core.noise import seed_of


def indices_of_step(seed: int, step: int, batch_size: int, size: int | None) -> Tensor:
    """Return the indices that step number `step` reads, over all processes, (batch_size,) int64.

    Finite data: epoch e has ⌊size / batch_size⌋ steps, which read a permutation that depends on (seed, e) alone, each
    sample at most once; its last, uneven batch is dropped. A density (size None) counts on without end.

    Raises `ValueError` if a batch is larger than the data set.
    """
    if size is None:
        return torch.arange(step * batch_size, (step + 1) * batch_size)
    if batch_size > size:
        raise ValueError(f"batch_size = {batch_size} is more than the {size} samples of the data set")
    epoch, within = divmod(step, size // batch_size)
    # A copy: whoever writes into it would otherwise change the rest of the epoch.
    return _permutation(seed, epoch, size)[within * batch_size : (within + 1) * batch_size].clone()


@lru_cache(maxsize=2)  # this epoch's, and its neighbour's
def _permutation(seed: int, epoch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
    return torch.randperm(size, generator=generator)
