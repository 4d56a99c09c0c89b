"""What a step costs, counted on shapes alone: arithmetic, memory, and whether its samples are coupled."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from genkit.core.batch import Batch
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import Dataset, Phase, PhaseLoss
from genkit.recipe.schedule_probe import RunProgress
from genkit.recipe.tables import Recipe

META = torch.device("meta")


@dataclass(frozen=True)
class PhaseCost:
    """What one phase costs, once."""

    flops: int  # floating-point operations of matrix products and convolutions, forward and backward
    activations: int  # bytes kept for the backward
    couples_samples: bool  # whether its loss gathers the batch


def costs_of(model: Model, phases: tuple[Phase, ...], recipe: Recipe, data: Dataset) -> dict[str, PhaseCost]:
    """Return the cost of every phase by name, for a model on the meta device. What the losses raise is raised."""
    # A schedule may switch a part of a loss on or off, so each phase is tried at both ends of the run.
    early, late = (
        {phase.name: _cost(model, phase, batch) for phase in phases} for batch in _batches(model, recipe, data)
    )
    return {name: _larger(early[name], late[name], recipe.train.accumulate) for name in early}


def _batches(model: Model, recipe: Recipe, data: Dataset) -> Iterator[Batch]:
    """Yield a micro-batch without content, at the beginning and at the end of the run."""
    size = max(recipe.train.batch_size // recipe.train.accumulate, 1)
    noise = Noise(recipe.seed, 0, "prior", Rows.all(size), META)
    for t in (0.0, 1.0):
        x = torch.empty(size, *data.shape, device=META)
        yield Batch(x=x, z=noise.randn("z", model.latent_dim), t=RunProgress(t), noise=noise)


def _larger(a: PhaseCost, b: PhaseCost, micro_batches: int) -> PhaseCost:
    return PhaseCost(
        flops=max(a.flops, b.flops) * micro_batches,
        activations=max(a.activations, b.activations),
        couples_samples=a.couples_samples or b.couples_samples,
    )


def _cost(model: Model, phase: Phase, batch: Batch) -> PhaseCost:
    gathered: list[Tensor] = []
    kept = _KeptBytes(model)

    def gather(x: Tensor) -> Tensor:
        gathered.append(x)
        return x

    children = dict(model.named_children())
    parameters = [p for child in phase.updates if child in children for p in children[child].parameters()]
    with _FlopCount() as count:
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, kept.unpack):
            total = _checked(phase, phase.loss(model, replace(batch.in_phase(phase.name), gather_rows=gather)))
        gradients = torch.autograd.grad(total, parameters, retain_graph=bool(batch.carry), allow_unused=True)
    unreached = sum(gradient is None for gradient in gradients)
    if unreached:
        warnings.warn(
            f'phase "{phase.name}" does not reach {unreached} of the {len(parameters)} tensors that it updates',
            stacklevel=1,
        )
    return PhaseCost(count.total, kept.total, bool(gathered))


def _checked(phase: Phase, computed: PhaseLoss) -> Tensor:
    """Return the total of a phase. Raises `ValueError` unless it and the terms are what `PhaseLoss` says they are."""
    try:
        total, terms = computed
        terms = dict(terms)
    except (TypeError, ValueError):
        raise ValueError(
            f'phase "{phase.name}" returned a {type(computed).__name__}: return PhaseLoss(total, terms), terms by name'
        ) from None
    for name, value in {"total": total, **terms}.items():
        wanted = "a scalar tensor that gradients reach" if name == "total" else "a detached scalar tensor"
        if not isinstance(value, Tensor):
            found = f"a {type(value).__name__}"
        elif value.shape:
            found = f"a tensor of the shape {tuple(value.shape)}: take its mean or sum"
        elif value.requires_grad != (name == "total"):
            found = "a tensor without a gradient" if name == "total" else "attached to the graph: add .detach()"
        else:
            continue
        raise ValueError(f'phase "{phase.name}", term "{name}": expected {wanted}, found {found}')
    return total


class _FlopCount(TorchDispatchMode):
    """Adds up torch's own formulas. (Its `FlopCounterMode` also tracks modules, and trips over a gradient penalty.)"""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if formula := flop_registry.get(function._overloadpacket):
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


@dataclass
class _KeptBytes:
    """Counts what autograd keeps for a backward, each storage once, the weights themselves not."""

    model: Model
    total: int = 0
    _seen: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._seen = {parameter.untyped_storage()._cdata for parameter in self.model.parameters()}

    def pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._seen:
            self._seen.add(storage._cdata)
            self.total += storage.nbytes()
        return tensor

    def unpack(self, tensor: Tensor) -> Tensor:
        return tensor
