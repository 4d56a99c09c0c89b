"""Detection of terms and weights that are not finite.

Terms stay on the device and are read together: after 64 steps, before a step is logged, and before a checkpoint. So
most steps do not wait for the device, and no checkpoint holds a NaN.
"""

from __future__ import annotations

import math

import torch

from genkit.engine.batches import samples_of_step
from genkit.engine.distributed import World
from genkit.engine.loop import StepRecord
from genkit.engine.not_finite import NotFinite, remedy_for_data, remedy_of
from genkit.engine.state import TrainState
from genkit.errors import Diverged
from genkit.recipe.plan import Plan

READ_AFTER = 64  # steps whose terms are read together


class FiniteWatch:
    """Records the first term that was not finite, with its phase and step."""

    def __init__(self) -> None:
        self.newest = StepRecord(0, {})  # the step that was observed last
        self._unread: list[StepRecord] = []
        self._found: NotFinite | None = None

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
        untrained = world.any(found is not None and found.untrained)
        if found is None or found.untrained < untrained:  # its gradient has spread from another process
            found = NotFinite("on another process", 1 if untrained else state.step, first_phase=untrained)
        samples = None if plan is None else _range_of_samples(plan, found.step - 1, world)
        remedy = remedy_of(found, plan, samples)
        if plan is not None and world.any(samples is not None and not all(map(math.isfinite, samples))):
            remedy = remedy_for_data(plan)
        raise Diverged(f"training is no longer finite: {found.text}. {remedy}")

    def _read(self) -> None:
        """Read all unread records at once, and one by one only if a term is not finite."""
        records, self._unread = self._unread, []
        values = [value for record in records for value in record.terms.values()]
        if self._found is None and values and not torch.isfinite(torch.stack(values)).all():
            self._found = next(found for record in records if (found := _first_bad_term(record)))


def _range_of_samples(plan: Plan, step: int, world: World) -> tuple[float, float] | None:
    """Return the least and the largest value of this process's samples of a step, which are read again.

    Both are NaN if a value is. None stands for data that cannot be read now: they must not hide the reported error.
    """
    try:
        ends = [torch.stack(torch.aminmax(samples.x)) for samples, _ in samples_of_step(plan, step, world)]
    except Exception:
        return None
    least, largest = torch.stack(ends).unbind(dim=1)
    return least.min().item(), largest.max().item()


def _first_bad_term(record: StepRecord) -> NotFinite | None:
    bad = [name for name, value in record.terms.items() if not torch.isfinite(value)]
    if not bad:
        return None
    # Name a term before the total that it makes infinite, and the first phase before the phases after it.
    phase = bad[0].partition("/")[0]
    name = min((name for name in bad if name.startswith(f"{phase}/")), key=lambda name: name.endswith("/total"))
    term = name.partition("/")[2]
    return NotFinite(
        f'phase "{phase}", term "{term}", first at step {record.step}',
        record.step,
        terms={each.partition("/")[2]: each not in bad for each in record.terms if each.startswith(f"{phase}/")},
        first_phase=next(iter(record.terms)).startswith(f"{phase}/"),
    )


def _first_bad_weight(state: TrainState) -> NotFinite | None:
    for name, tensor in state.model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return NotFinite(f"weights {name} after step {state.step}", state.step)
    return None
