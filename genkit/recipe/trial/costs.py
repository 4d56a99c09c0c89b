"""Costs of a step, counted on torch's meta device: arithmetic, memory, coupled samples, unused parameters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, UntypedStorage, nn
from torch.nn import Parameter
from torch.utils.flop_counter import flop_registry

from genkit.core.batch import Batch, joined
from genkit.core.dataset import Dataset
from genkit.core.loss import Action, Phase, turns_of
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.targets import make_targets
from genkit.core.torch_operations import OperationWatch
from genkit.recipe.tables import Recipe
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.phase_result import checked_result
from genkit.recipe.trial.schedule_probe import RunProgress
from genkit.recipe.trial.try_action import USE_THE_NOISE, try_action
from genkit.recipe.trial.try_model import labels_without_content

META = torch.device("meta")
MOST_OPERATIONS = 100_000  # of torch in one phase: a step has hundreds, and more than this would not end


@dataclass(frozen=True)
class PhaseCost:
    """Costs of one phase in one step."""

    flops: int  # floating-point operations of matrix products and convolutions, forward and backward
    activations: int  # bytes kept for the backward
    couples_samples: bool  # whether its loss gathers the batch
    updated: int  # parameter tensors of the children that the phase updates
    unreached: tuple[str, ...]  # names of those to which the loss gives no gradient


def costs_of(
    model: Model,
    phases: tuple[Phase, ...],
    actions: tuple[Action, ...],
    targets: tuple[str, ...],
    recipe: Recipe,
    data: Dataset,
) -> dict[str, PhaseCost]:
    """Return the costs of every phase by name, for a model on the meta device. Errors of the losses are not caught.

    `targets` are the children of which the loss reads a copy.

    The actions are tried at their places. Raises `PartMistake` if one returns something or replaces a tensor.
    """
    # A schedule may switch a part of a loss on or off, so each phase is tried at both ends of the run.
    turns, micro_batches = turns_of(phases, actions), recipe.train.accumulate
    start, end = (_costs(model, turns, batch, micro_batches) for batch in _batches(model, targets, recipe, data))
    return {name: _larger(start[name], end[name], recipe.train.accumulate) for name in start}


def _costs(model: Model, turns: tuple[Phase | Action, ...], batch: Batch, micro_batches: int) -> dict[str, PhaseCost]:
    costs, size = {}, len(batch.x)
    for turn in turns:
        if isinstance(turn, Action):
            rows = [Rows(start, start + size, size * micro_batches) for start in range(0, size * micro_batches, size)]
            try_action(model, turn, joined([replace(batch, noise=replace(batch.noise, rows=each)) for each in rows]))
            continue
        with refusing_global_draws(turn.loss, USE_THE_NOISE):
            costs[turn.name] = _cost(model, turn, batch)
    return costs


def _batches(model: Model, targets: tuple[str, ...], recipe: Recipe, data: Dataset) -> Iterator[Batch]:
    """Yield a micro-batch without content at the start of the run, and one at its end."""
    size = max(recipe.train.batch_size // recipe.train.accumulate, 1)
    noise = Noise(recipe.seed, 0, "prior", Rows.all(size), META)
    for t in (0.0, 1.0):
        x, extra = torch.empty(size, *data.shape, device=META), labels_without_content(model, size)
        targets_of_step = make_targets(model, targets)
        yield Batch(x=x, t=RunProgress(t), noise=noise, extra=extra, targets=targets_of_step, prior=model.prior)


def _larger(a: PhaseCost, b: PhaseCost, micro_batches: int) -> PhaseCost:
    """Return the larger costs of two micro-batches, for a step of several."""
    return PhaseCost(
        flops=max(a.flops, b.flops) * micro_batches,
        activations=max(a.activations, b.activations),
        couples_samples=a.couples_samples or b.couples_samples,
        updated=a.updated,
        unreached=max(a.unreached, b.unreached, key=len),
    )


def _cost(model: Model, phase: Phase, batch: Batch) -> PhaseCost:
    """Return the costs of a phase for one micro-batch."""
    gathered: list[Tensor] = []
    kept = _KeptBytes([*model.parameters(), *nn.ModuleDict(batch.targets).parameters()])

    def gather(x: Tensor) -> Tensor:
        gathered.append(x)
        return x

    children = dict(model.named_children())
    parameters = {
        f"{child}.{name}": parameter
        for child in phase.updates
        if child in children
        for name, parameter in children[child].named_parameters()
    }
    with _FlopCount() as count:
        with (
            torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack),
            model.given(batch.extra, *batch.targets.values()),
        ):
            computed = phase.loss(model, replace(batch.in_phase(phase.name), gather_rows=gather))
        total = checked_result(phase, computed).total
        updated = list(parameters.values())
        gradients = torch.autograd.grad(total, updated, retain_graph=bool(batch.carry), allow_unused=True)
    return PhaseCost(
        flops=count.total,
        activations=kept.total,
        couples_samples=bool(gathered),
        updated=len(parameters),
        unreached=tuple(name for name, gradient in zip(parameters, gradients, strict=True) if gradient is None),
    )


class _FlopCount(OperationWatch):
    """Sum of torch's own formulas. (`FlopCounterMode` also tracks modules, and fails on a gradient penalty.)"""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.operations = 0

    def seen(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> None:
        """Add the operations of a call. Raises `ValueError` if a phase does not end."""
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            raise ValueError(
                f"a phase of a step takes more than {MOST_OPERATIONS:,} operations. Use a smaller batch_size, a larger "
                "accumulate, or a smaller [model]"
            )
        if formula := flop_registry.get(operation.overloadpacket):
            self.total += formula(*args, **kwargs, out_val=out)


@dataclass
class _KeptBytes:
    """Bytes that autograd keeps for the backward: each storage once, without the weights."""

    weights: list[Parameter]
    total: int = 0
    _seen: set[UntypedStorage] = field(default_factory=set)  # kept alive, so that none has the identity of another

    def __post_init__(self) -> None:
        self._seen = {parameter.untyped_storage() for parameter in self.weights}

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage not in self._seen:
            self._seen.add(storage)
            self.total += storage.nbytes()
        return tensor

    def unpack(self, tensor: Tensor) -> Tensor:
        return tensor
