"""Actions of a loss: changes of a model that minimise nothing, at their place among the phases of a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch, joined
from genkit.core.loss import Action
from genkit.core.model import Model
from genkit.engine.distributed import World
from genkit.engine.part_calls import PartCalls
from genkit.engine.state import TrainState

INTEGERS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}  # by bytes, to sum bits without rounding


class Actions:
    """The actions of one training."""

    def __init__(self, state: TrainState, world: World, calls: PartCalls):
        self._state, self._world, self._calls = state, world, calls
        self._compared: set[str] = set()  # actions whose results have been compared between the processes

    def run(self, action: Action, batches: list[Batch]) -> None:
        """Change the model, from all micro-batches together, and forget the moments that the action resets.

        Raises `PartFailed` if the action fails, or if it changes the model of one process otherwise than that of
        another.
        """
        model, targets = self._state.model, nn.ModuleDict(self._state.targets)
        compare = self._world.size > 1 and action.name not in self._compared
        self._state.whole = False
        with torch.no_grad(), self._calls.of(("loss",), action.do):
            before = _sums_of_bits(model, targets) if compare else {}
            batch = joined(batches)
            with model.given(batch.extra, *batch.targets.values()):
                action.do(model, batch)
            if compare:
                self._compared.add(action.name)
                self._refuse_different(action, before, _sums_of_bits(model, targets))
        for child in self._state.optimisers.keys() & set(action.resets):  # a prior that is not learnt has no optimiser
            self._state.optimisers[child].optimiser.state.clear()

    def _refuse_different(self, action: Action, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
        """Raise `ValueError`, on all processes, if a tensor that was the same on all of them no longer is."""
        both = torch.stack([torch.stack([before[name], after[name]]) for name in after])
        of_all = self._world.gather(both[None])  # (processes, tensors, 2)
        same_before, same_after = (of_all == of_all[:1]).all(dim=0).unbind(dim=1)
        if different := [name for name, found in zip(after, (same_before & ~same_after).tolist()) if found]:
            raise ValueError(
                f'action "{action.name}" changes {different[0]} otherwise on each process. Compute it from the rows of '
                "all processes, batch.gather(...)"
            )


def _sums_of_bits(model: Model, targets: nn.Module) -> dict[str, Tensor]:
    """Return the sum of the bits of each parameter, also of the targets, and of each buffer of the prior, by name.

    Buffers of the networks are left out: the running statistics of a batch norm are those of the rows of a process.
    """
    named = {
        **dict(model.named_parameters()),
        **{f"prior.{name}": each for name, each in model.prior.named_buffers()},
        **{f"target {name}": each for name, each in targets.named_parameters()},
    }
    return {
        name: each.detach().view(INTEGERS[each.element_size()]).sum(dtype=torch.int64) for name, each in named.items()
    }
