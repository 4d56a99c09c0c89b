"""What the processes tell each other in each step: whether one cannot read its data, and whether one was asked to stop.

A process that cannot read its data must stop all of them before one waits for its gradients, and all of them stop after
the same step. The exchange starts when a step has its data, and ends before the first other exchange of the step, and
before an action changes weights. So it takes place while the networks compute, and no process waits for it on its own.
A request to stop is obeyed after the step that starts next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from genkit.core.layers.norm import SyncBatchNorm
from genkit.core.model import Model
from genkit.engine.distributed import World
from genkit.errors import GenkitError

Data = TypeVar("Data")


class StepFlags:
    """The flags of one step after another. `stop` returns whether this process was asked to stop."""

    def __init__(self, world: World, model: Model, stop: Callable[[], bool]):
        self._world, self._stop = world, stop
        # These layers exchange without asking the world, and before the first gradient.
        self._at_once = any(isinstance(layer, (SyncBatchNorm, torch.nn.SyncBatchNorm)) for layer in model.modules())
        self._stopping = False

    def read(self, read: Callable[[], Data]) -> Data:
        """Return the data that `read` returns for the next step, and start the exchange.

        A `GenkitError` of `read` is raised here; on the other processes, by `finish` or the next exchange.
        """
        if self._world.size == 1:
            return read()
        try:
            data = read()
        except GenkitError as error:
            self._start(error)
            self.finish()
            raise  # not reached: `finish` raises the error of the first process that has one
        self._start(None)
        if self._at_once:
            self.finish()
        return data

    def finish(self) -> None:
        """Wait for the flags of this step, and raise the `GenkitError` of the first process that could not read."""
        self._world.finish_started()

    def _start(self, error: GenkitError | None) -> None:
        wait = self._world.start_any(error is not None, self._stop())

        def finish() -> None:
            failed, self._stopping = wait()
            if failed:
                self._world.raise_first(error)

        self._world.finish_first(finish)

    @property
    def stopping(self) -> bool:
        """Whether the run stops after this step, the same on every process."""
        return self._stop() if self._world.size == 1 else self._stopping
