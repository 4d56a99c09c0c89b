"""The watch for values that are not finite.

The first bad step of each term is kept on the device and read only when a line is logged and before a save: so no step
waits for the device, and no save holds a NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.engine.loop import StepRecord
from genkit.engine.state import TrainState
from genkit.engine.world import World
from genkit.errors import RunError

NEVER = float("inf")


class FiniteWatch:
    """Remembers the first step at which each term of each phase was not finite."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, ...], Tensor] = {}  # names of terms -> (terms,), steps

    def observe(self, record: StepRecord) -> None:
        """Take in a step without waiting for it."""
        names = tuple(record.terms)
        values = torch.stack([value.float() for value in record.terms.values()])
        first = self._first.get(names)
        if first is None:
            first = torch.full_like(values, NEVER)
        step = torch.where(torch.isfinite(values), NEVER, float(record.step))
        self._first[names] = torch.minimum(first, step)

    def check(self, state: TrainState, world: World) -> None:
        """Raise `RunError` on every process if anything on any of them was, or is, not finite."""
        found = self._first_bad_term() or self._first_bad_weight(state)
        if not world.any(found is not None):
            return
        raise RunError(
            f"training is no longer finite: {found or 'on another process'}. Checkpoints before it are kept. "
            "A smaller learning rate, [optimiser.CHILD] clip_norm, or a longer warm-up are what usually helps."
        )

    def _first_bad_term(self) -> str | None:
        bad = [
            (step, name)
            for names, first in self._first.items()
            for name, step in zip(names, first.tolist(), strict=True)
            if step != NEVER
        ]
        if not bad:
            return None
        # Within the step, a term of the loss says more than the total that it spoils.
        step, name = min(bad, key=lambda item: (item[0], item[1].endswith("/total")))
        phase, _, term = name.partition("/")
        return f'phase "{phase}", term "{term}", first at step {step:.0f}'

    def _first_bad_weight(self, state: TrainState) -> str | None:
        tensors = state.model.state_dict()
        for name, tensor in tensors.items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                return f"the weights {name} after step {state.step}"
        return None
