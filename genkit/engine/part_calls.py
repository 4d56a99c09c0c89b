"""Calls of the parts of a plan during training.

A part that fails is named, with its owner, its line and the step. So is a part that draws from a global random
generator, because a resumed run would draw other numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from genkit.core.global_generators import GeneratorWatch
from genkit.engine.distributed import World
from genkit.engine.out_of_memory import is_out_of_memory
from genkit.engine.state import TrainState
from genkit.errors import GenkitError, PartFailed
from genkit.part_code import describe_bug, is_refusal
from genkit.recipe.plan import Plan
from genkit.recipe.text.nested import KeyPath
from genkit.recipe.trial.draw_finder import global_draw_text
from genkit.storage.os_errors import describe_os_error

USE_THE_NOISE = "Use the random numbers that the part is given: noise.randn and noise.rand, or those of the batch."


@dataclass(frozen=True)
class PartCall:
    """A call of a part in a step, in the process that trains or in a worker process that loads its data."""

    path: KeyPath  # of the table of the part
    part: object
    owner: object
    step: int  # counted from 0
    alone: bool = False  # other processes train on, so this one prints the message

    @contextmanager
    def watched(self, watch: GeneratorWatch) -> Iterator[None]:
        """Run the block, which calls the part. Raises `PartFailed` for any exception but Ctrl-C and errors of genkit.

        Also raises it if a global generator has moved since the watch was last asked.
        """
        try:
            yield
        except (GenkitError, KeyboardInterrupt):
            raise
        except BaseException as error:  # also `SystemExit`: a part must not end a run
            if is_out_of_memory(error):
                raise
            raise self.failed(self._describe(error)) from error
        if moved := watch.moved():
            raise self.failed(global_draw_text(self.part, moved[0], USE_THE_NOISE) + self._remedy)

    def failed(self, text: str) -> PartFailed:
        """Return the error with this text, the step and the table."""
        failed = PartFailed(f"in step {self.step + 1}, [{'.'.join(self.path)}] {text}")
        failed.alone = self.alone
        return failed

    def _describe(self, error: BaseException) -> str:
        if isinstance(error, OSError) and error.filename:  # a file that has vanished is no mistake of the part
            place = Path(error.filename)
            return f"{place}: {describe_os_error(error, place)}."
        text = str(error) if is_refusal(error) else describe_bug(self.part, error)
        return f"{text.rstrip('.')}.{self._remedy}"

    @property
    def _remedy(self) -> str:
        return f" This is a mistake in {self.owner}: fix or update it, then resume the run."


class PartCalls:
    """Calls of the parts of one training."""

    def __init__(self, plan: Plan, state: TrainState, world: World):
        self._plan, self._state, self._world = plan, state, world
        self.watch = GeneratorWatch(world.device)

    def of(self, path: KeyPath, part: object) -> AbstractContextManager[None]:
        """Return a context that calls a part of the table `path`. Raises `PartFailed` for any exception but Ctrl-C."""
        alone = self._world.size > 1 and path != ("data",)  # data are read on all processes together
        return PartCall(path, part, self._plan.parts[path].owner, self._state.step, alone).watched(self.watch)
