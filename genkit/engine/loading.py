"""Samples of a data set in two steps: `load` on the CPU, perhaps in a worker process, and `finish` on the device.

Both are the same with and without workers, so the samples have the same bits:

- a data set with `load` and `finish` (`genkit.core.dataset.TwoStepDataset`) does its own two steps;
- of any other data set that reads, `load` calls `batch`, with noise on the CPU and one thread, as in a worker;
- a density reads nothing, so only `finish` calls its `batch`, with noise on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genkit.core.data_order import indices_of_step
from genkit.core.dataset import Dataset, Raw, Samples, TwoStepDataset
from genkit.core.noise import Noise, Rows
from genkit.core.two_steps import CPU
from genkit.recipe.trial.check_samples import checked_raw, checked_samples

Loaded = Raw | Samples | None  # what is between the two steps; None: a density


@dataclass(frozen=True)
class StepParts:
    """The micro-batches of one process in each step: the indices of their samples, and the noise of the data."""

    seed: int
    batch_size: int  # of all processes
    accumulate: int
    size: int | None  # of the data
    rank: int
    processes: int
    dtype: torch.dtype

    def of(self, step: int) -> Iterator[tuple[Tensor, Noise]]:
        """Yield the indices, (B,), and the noise on the CPU of each micro-batch of a step."""
        micro = self.batch_size // (self.processes * self.accumulate)
        indices = indices_of_step(self.seed, step, self.batch_size, self.size)
        for j in range(self.accumulate):
            part = self.rank * self.accumulate + j
            rows = Rows(part * micro, (part + 1) * micro, self.batch_size)
            yield indices[rows.start : rows.stop], Noise(self.seed, step, "data", rows, CPU, self.dtype)


def is_drawn(data: Dataset) -> bool:
    """Return whether a data set is a density, which draws its samples on the device and reads nothing."""
    return data.split == "drawn"


def load(data: Dataset, indices: Tensor, noise: Noise) -> Loaded:
    """Return what `finish` needs, on the CPU, for samples at `indices`. `noise` is on the CPU.

    Everything that it returns can be pickled. Raises `ValueError` unless it is what the interface requires.
    """
    if is_drawn(data):
        return None
    with _one_thread():
        if isinstance(data, TwoStepDataset):
            raw = checked_raw(data, data.load(indices, noise), noise)
            return Raw({name: tensor.detach() for name, tensor in raw.tensors.items()}, dict(raw.notes))
        found = checked_samples(data, data.batch(indices, noise), noise)
        return Samples(found.x.detach(), {name: tensor.detach() for name, tensor in found.extra.items()})


def map_tensors(loaded: Loaded, change: Callable[[Tensor], Tensor]) -> Loaded:
    """Return what was loaded with `change` applied to each tensor."""
    match loaded:
        case Raw(tensors, notes):
            return Raw({name: change(tensor) for name, tensor in tensors.items()}, notes)
        case Samples(x, extra):
            return Samples(change(x), {name: change(tensor) for name, tensor in extra.items()})
    return None


def finish(data: Dataset, loaded: Loaded, indices: Tensor, noise: Noise) -> Samples:
    """Return the samples, after what was loaded has been copied to the device of `noise`.

    Raises `ValueError` unless they are what `Samples` requires.
    """
    if isinstance(loaded, Samples):  # checked when they were loaded
        return loaded
    if loaded is None:
        return checked_samples(data, data.batch(indices, noise), noise)
    assert isinstance(data, TwoStepDataset)  # `load` returned its `Raw`
    return checked_samples(data, data.finish(loaded, noise), noise)


def load_and_finish(data: Dataset, indices: Tensor, noise: Noise) -> Samples:
    """Return the samples at `indices` on the device of `noise`, with both steps one after the other."""
    loaded = load(data, indices, replace(noise, device=CPU))
    return finish(data, map_tensors(loaded, lambda tensor: tensor.to(noise.device)), indices, noise)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run the block with one thread of torch, as a worker does: sums depend on the number."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
