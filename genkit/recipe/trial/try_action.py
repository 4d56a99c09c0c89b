"""Trial of an action of a loss: it changes tensors of the model in place, draws from the batch, and returns nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.batch import Batch
from genkit.core.loss import Action
from genkit.core.model import Model
from genkit.errors import PartMistake
from genkit.part_code import code_of
from genkit.recipe.trial.draw_finder import refusing_global_draws

USE_THE_NOISE = "Draw with batch.randn(tag, ...) or batch.rand(tag, ...): they are a function of the step."


def try_action(model: Model, action: Action, batch: Batch) -> None:
    """Let an action change a model and the targets of a batch, which may be on the meta device.

    Raises `PartMistake` if it returns something, replaces a tensor, or draws from a global generator.
    """
    before = {name: id(tensor) for name, tensor in _named_tensors(model, batch)}
    with (
        torch.no_grad(),
        refusing_global_draws(action.do, USE_THE_NOISE),
        model.given(batch.extra, *batch.targets.values()),
    ):
        do: Callable[..., Any] = action.do
        returned = do(model, batch.in_phase(action.name))
    subject = f'{code_of(action.do)}: action "{action.name}"'
    if returned is not None:
        raise PartMistake(
            f"{subject} returned a {type(returned).__name__}. An action changes the model and returns nothing"
        )
    after = {name: id(tensor) for name, tensor in _named_tensors(model, batch)}
    if replaced := {name for name in before | after if before.get(name) != after.get(name)}:
        raise PartMistake(
            f"{subject} replaced the tensor {min(replaced)}. Change tensors in place, for example with copy_()"
        )


def _named_tensors(model: Model, batch: Batch) -> Iterator[tuple[str, Tensor]]:
    for prefix, module in (("", model), ("target ", nn.ModuleDict(batch.targets))):
        for name, tensor in (
            *module.named_parameters(remove_duplicate=False),
            *module.named_buffers(remove_duplicate=False),
        ):
            yield prefix + name, tensor
