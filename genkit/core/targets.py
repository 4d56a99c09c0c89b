"""Target networks: lagging copies of children of a model, which a loss reads and no optimiser updates.

A loss names the children (`genkit.core.loss.LossWithTargets`). The training makes the copies, and hands them to the
phases and actions of the loss as ``batch.targets``; the loss moves them itself, in an action. They belong to the
training, as the moments of the optimisers do, not to the model: a checkpoint holds them, a model folder does not, and
the EMA weights, metrics and parameter counts leave them out.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from genkit.core.model import Model


def make_targets(model: Model, children: Sequence[str]) -> dict[str, nn.Module]:
    """Return a copy of each of the children, by name, that has no gradient."""
    return {name: copy.deepcopy(model.get_submodule(name)).requires_grad_(False) for name in children}


@torch.no_grad()
def follow(target: nn.Module, child: nn.Module, decay: float = 0.0) -> None:
    """Move a target towards its child, in place: target ← decay·target + (1 - decay)·child; 0 copies it bit for bit.

    The parameters and the floating-point buffers move; other buffers, such as counters, are copied.
    """
    pairs = list(zip(_tensors(target), _tensors(child), strict=True))
    for ours, theirs in pairs:
        if decay == 0 or not ours.is_floating_point():
            ours.copy_(theirs)
        else:
            ours.lerp_(theirs, 1 - decay)


def networks_in_training(model: Model, targets: Mapping[str, nn.Module]) -> nn.ModuleDict:
    """Return the children of a model and their targets, by name, for what acts on every network of a training."""
    return nn.ModuleDict(
        {**dict(model.named_children()), **{f"target_{name}": target for name, target in targets.items()}}
    )


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
