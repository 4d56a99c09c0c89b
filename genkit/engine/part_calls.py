"""Calls of the parts of a plan during training.

A part that fails is named, with its owner, its line and the step. So is a part that draws from a global random
generator, because a resumed run would draw other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from genkit.core.batch import Batch
from genkit.core.global_generators import GeneratorWatch
from genkit.engine.batches import batches_of_step
from genkit.engine.distributed import World
from genkit.engine.state import TrainState
from genkit.errors import GenkitError, PartFailed
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.draw_finder import global_draw_text
from genkit.recipe.nested import KeyPath
from genkit.recipe.plan import Plan
from genkit.storage.os_errors import describe_os_error

USE_THE_NOISE = "Use the random numbers that the part is given: noise.randn and noise.rand, or those of the batch."


class PartCalls:
    """Calls of the parts of one training."""

    def __init__(self, plan: Plan, state: TrainState, world: World):
        self._plan, self._state, self._world = plan, state, world
        self._watch = GeneratorWatch(world.device)

    @contextmanager
    def of(self, path: KeyPath, part: object) -> Iterator[None]:
        """Run the block, which calls a part of the table `path`. Raises `PartFailed` for any exception but Ctrl-C."""
        try:
            yield
        except (GenkitError, KeyboardInterrupt):
            raise
        except BaseException as error:  # also `SystemExit`: a part must not end a run
            if is_out_of_memory(error):
                raise
            raise self._failed(path, self._describe(path, part, error)) from error
        if moved := self._watch.moved():
            raise self._failed(path, global_draw_text(part, moved[0], USE_THE_NOISE) + self._remedy(path))

    def batches(self) -> list[Batch]:
        """Return this process's micro-batches of the next step. It is called within `World.on_all`."""
        self._watch.moved()  # forget what callbacks and the host program have drawn between two steps
        with self.of(("data",), self._plan.data):
            return batches_of_step(self._plan, self._state, self._world)

    def _describe(self, path: KeyPath, part: object, error: BaseException) -> str:
        if isinstance(error, OSError) and error.filename:  # a file that has vanished is no mistake of the part
            place = Path(error.filename)
            return f"{place}: {describe_os_error(error, place)}."
        text = str(error) if is_refusal(error) else describe_bug(part, error)
        return f"{text.rstrip('.')}.{self._remedy(path)}"

    def _remedy(self, path: KeyPath) -> str:
        return f" This is a mistake in {self._plan.parts[path].owner}: fix or update it, then resume the run."

    def _failed(self, path: KeyPath, text: str) -> PartFailed:
        failed = PartFailed(f"in step {self._state.step + 1}, [{'.'.join(path)}] {text}")
        failed.alone = self._world.size > 1 and path != ("data",)  # data are read on all processes together
        return failed


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out. torch's CPU allocator raises a plain `RuntimeError`."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "allocate memory" in str(error)
    )


def describe_out_of_memory(error: BaseException) -> str:
    """Return ``out of memory``, with what the allocator said; Python itself says nothing."""
    said = str(error).splitlines()[:1]
    return "out of memory: " + said[0] if said else "out of memory."
