"""Order of the training data, a pure function of seed and step: no sampler state needs to be saved."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from genkit.core.noise import seed_of


def indices_of_step(seed: int, step: int, batch_size: int, size: int | None) -> Tensor:
    """Return the indices of the samples that all processes together read in `step`, (batch_size,) int64.

    Data of finite `size`: epoch e has ⌊size / batch_size⌋ steps and reads a permutation of the samples that depends
    on (seed, e) only. It reads each sample at most once and drops the last, incomplete batch. A density (`size` None)
    has no epochs: its indices count up from 0.

    Raises `ValueError` if `batch_size` exceeds `size`.
    """
    if size is None:
        return torch.arange(step * batch_size, (step + 1) * batch_size)
    if batch_size > size:
        raise ValueError(f"batch_size = {batch_size}: the data set has only {size} samples")
    epoch, within = divmod(step, size // batch_size)
    # A copy, so that a caller that writes into its batch of indices does not change the cached permutation.
    return _permutation(seed, epoch, size)[within * batch_size : (within + 1) * batch_size].clone()


@lru_cache(maxsize=2)  # this epoch and a neighbouring one
def _permutation(seed: int, epoch: int, size: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed_of(seed, "order", epoch))
    return torch.randperm(size, generator=generator)
