"""The input pipeline: the batches of one step after another, loaded by workers while earlier steps are computed.

workers or this process: load ──> pinned memory ──> copy beside the step ──> finish on the device ──> Batch
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.engine.batches import as_batches, check_conditions, parts_of
from genkit.engine.data_workers import StepLoader, StepReader
from genkit.engine.distributed import World
from genkit.engine.loading import Loaded, finish, is_drawn, map_tensors
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import TrainState
from genkit.recipe.plan import Plan


class InputPipeline:
    """Batches of the steps from that of `state` on. Use it in a ``with`` block, which ends the workers.

    `workers` is the number of processes that load the data; 0: this process does. The batches are the same, bit for
    bit. A density has none.
    """

    def __init__(self, plan: Plan, state: TrainState, world: World, calls: PartCalls, workers: int = 0):
        self._plan, self._state, self._world, self._calls = plan, state, world, calls
        self._parts, self._to_device = parts_of(plan, world), _Transfer(world.device)
        self._loader: StepLoader | None = None
        if not is_drawn(plan.data):
            reader = StepReader(plan.data, plan.parts["data",].owner, self._parts, calls.watch)
            steps, pinned = range(state.step, plan.steps), world.device.type == "cuda"
            self._loader = StepLoader(reader, steps, workers, pin_memory=pinned)
        self.waited = 0.0  # seconds that the last step has waited for its data

    def batches(self) -> list[Batch]:
        """Return this process's micro-batches of the next step; `StepFlags.read` calls it.

        Raises `PartFailed` for a mistake of the data set or a dead worker, and `UsageError` for data that cannot be
        read.
        """
        self._calls.watch.moved()  # forget what callbacks and the host program have drawn between two steps
        start = time.perf_counter()
        device = self._world.device
        rows = [(indices, replace(noise, device=device)) for indices, noise in self._parts.of(self._state.step)]
        loaded: list[Loaded] = [None] * len(rows) if self._loader is None else next(self._loader)
        on_device = [self._to_device(each) for each in loaded]
        with self._calls.of(("data",), self._plan.data):
            samples = [finish(self._plan.data, each, *row) for each, row in zip(on_device, rows, strict=True)]
            check_conditions(self._state.model, samples)
        self.waited = time.perf_counter() - start
        parts = zip(samples, (noise.of("prior") for _, noise in rows), strict=True)
        return as_batches(self._plan, self._state, self._world, parts)

    def __enter__(self) -> InputPipeline:
        """Return the pipeline."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the workers."""
        if self._loader is not None:
            self._loader.close()


class _Transfer:
    """Copies what was loaded to the device; on CUDA on a stream of its own, while the step before is computed."""

    def __init__(self, device: torch.device):
        self._device = device
        self._stream: Any = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __call__(self, loaded: Loaded) -> Loaded:
        if self._device.type == "cpu" or loaded is None:
            return loaded
        if self._stream is None:
            return map_tensors(loaded, lambda tensor: tensor.to(self._device))
        step = torch.cuda.current_stream(self._device)
        copied: list[Tensor] = []

        def copy(tensor: Tensor) -> Tensor:
            copied.append(tensor.to(self._device, non_blocking=True))
            return copied[-1]

        with torch.cuda.stream(self._stream):
            on_device = map_tensors(loaded, copy)
        step.wait_stream(self._stream)
        for tensor in copied:
            tensor.record_stream(step)  # its memory is of the other stream
        return on_device
