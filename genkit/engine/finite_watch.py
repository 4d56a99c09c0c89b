"""The watch for values that are not finite.

Terms are kept on the device and read many steps at a time, before a line is logged and before every save: so hardly a
step waits for the device, and no save holds a NaN.
"""

from __future__ import annotations

import torch

from genkit.engine.distributed import World
from genkit.engine.loop import StepRecord
from genkit.engine.state import TrainState
from genkit.errors import Diverged

READ_AFTER = 64  # steps that are read as one, at the latest


class FiniteWatch:
    """Remembers the first term of a phase that was not finite, and its step."""

    def __init__(self) -> None:
        self._unread: list[StepRecord] = []
        self._found: str | None = None

    def observe(self, record: StepRecord) -> None:
        """Take in a step."""
        self._unread.append(record)
        if len(self._unread) == READ_AFTER:
            self._read()

    def check(self, state: TrainState, world: World) -> None:
        """Raise `Diverged` on every process if anything on any of them was, or is, not finite."""
        self._read()
        found = self._found or _first_bad_weight(state)
        if not world.any(found is not None):
            return
        raise Diverged(
            f"training is no longer finite: {found or 'on another process'}. Checkpoints before it are kept. "
            "A smaller learning rate, [optimiser.CHILD] clip_norm, or a longer warm-up are what usually helps."
        )

    def _read(self) -> None:
        """Look at the unread records, all at once, and one by one only where something is wrong."""
        records, self._unread = self._unread, []
        values = [value for record in records for value in record.terms.values()]
        if self._found is None and values and not torch.isfinite(torch.stack(values)).all():
            self._found = next(found for record in records if (found := _first_bad_term(record)))


def _first_bad_term(record: StepRecord) -> str | None:
    bad = [name for name, value in record.terms.items() if not torch.isfinite(value)]
    if not bad:
        return None
    # A term says more than the total that it spoils, and the first phase more than those that come after it.
    first = bad[0].partition("/")[0]
    name = min((name for name in bad if name.startswith(f"{first}/")), key=lambda name: name.endswith("/total"))
    phase, _, term = name.partition("/")
    return f'phase "{phase}", term "{term}", first at step {record.step}'


def _first_bad_weight(state: TrainState) -> str | None:
    for name, tensor in state.model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            return f"the weights {name} after step {state.step}"
    return None
