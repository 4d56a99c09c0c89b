"""Detection of terms and weights that are not finite.

Terms stay on the device and are read together: after 64 steps, before a step is logged, and before a checkpoint. So
most steps do not wait for the device, and no checkpoint holds a NaN.
"""

from __future__ import annotations

import torch

from genkit.engine.batches import samples_of_step
from genkit.engine.distributed import World
from genkit.engine.loop import StepRecord
from genkit.engine.state import TrainState
from genkit.errors import Diverged
from genkit.part_code import code_of
from genkit.recipe.plan import Plan

READ_AFTER = 64  # steps whose terms are read together


class FiniteWatch:
    """Records the first term that was not finite, with its phase and step."""

    def __init__(self) -> None:
        self.newest = StepRecord(0, {})  # the step that was observed last
        self._unread: list[StepRecord] = []
        self._found: str | None = None
        self._step = 0  # of the term that was found

    def observe(self, record: StepRecord) -> None:
        """Add the terms of a step."""
        self.newest = record
        self._unread.append(record)
        if len(self._unread) == READ_AFTER:
            self._read()

    def check(self, state: TrainState, world: World, plan: Plan | None = None) -> None:
        """Raise `Diverged` on every process if a term or a weight on any process is not finite.

        With the plan, the samples of that step are read again, and named if they are not finite.
        """
        self._read()
        found = self._found or _first_bad_weight(state)
        if not world.any(found is not None):
            return
        remedy = "Try a smaller learning rate, [optimiser.CHILD] clip_norm, or a longer warm-up."
        step = (self._step or state.step) - 1
        if plan is not None and world.any(found is not None and _data_are_bad(plan, step, world)):
            data = f"{code_of(plan.data)} of {plan.parts['data',].owner}"
            remedy = f"[data] has samples in that step that are not finite. Remove them, or fix {data}."
        raise Diverged(f"training is no longer finite: {found or 'on another process'}. {remedy}")

    def _read(self) -> None:
        """Read all unread records at once, and one by one only if a term is not finite."""
        records, self._unread = self._unread, []
        values = [value for record in records for value in record.terms.values()]
        if self._found is None and values and not torch.isfinite(torch.stack(values)).all():
            self._found, self._step = next(
                (found, record.step) for record in records if (found := _first_bad_term(record))
            )


def _data_are_bad(plan: Plan, step: int, world: World) -> bool:
    """Return whether this process's samples of a step, which are read again, are not finite."""
    try:
        return not all(torch.isfinite(samples.x).all() for samples, _ in samples_of_step(plan, step, world))
    except Exception:  # of data that cannot be read now; it must not hide the error that is reported
        return False


def _first_bad_term(record: StepRecord) -> str | None:
    bad = [name for name, value in record.terms.items() if not torch.isfinite(value)]
    if not bad:
        return None
    # Name a term before the total that it makes infinite, and the first phase before the phases after it.
    first = bad[0].partition("/")[0]
    name = min((name for name in bad if name.startswith(f"{first}/")), key=lambda name: name.endswith("/total"))
    phase, _, term = name.partition("/")
    return f'phase "{phase}", term "{term}", first at step {record.step}'


def _first_bad_weight(state: TrainState) -> str | None:
    for name, tensor in state.model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"weights {name} after step {state.step}"
    return None
