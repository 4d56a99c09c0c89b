"""Every tensor of a checkpoint to its place in a model, or one message that says which is the first that has none."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.runs.convert.published_checkpoint import PublishedCheckpoint
from genkit.runs.convert.tensor_names import describe, our_names


def fill_model(model: nn.Module, checkpoint: PublishedCheckpoint, recipe: str) -> None:
    """Give a model the tensors of a checkpoint, in place. Raises `UsageError` unless each has its place and is finite.

    A checkpoint in half precision is taken up to the precision of the model, exactly; one in double makes it double.
    """
    names = our_names(checkpoint.tensors)
    placed: dict[str, Tensor] = {}
    for published, ours in names.items():
        if ours in placed:
            raise UsageError(f"{checkpoint.file}: holds {ours} twice, once as {published}; expected one network.")
        placed[ours] = checkpoint.tensors[published]
    if reason := _first_mismatch(model.state_dict(), placed, {ours: published for published, ours in names.items()}):
        raise UsageError(
            f"{checkpoint.file}: is of another network than [model] of {recipe}: {reason}.{describe(placed)} [model] "
            "must state the network that was trained, and [data] the shape of its images."
        )
    if any(tensor.dtype == torch.float64 for tensor in placed.values()):
        model.double()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not torch.isfinite(placed[name]).all():
                raise UsageError(f"{checkpoint.file}: {name} holds values that are not finite; training had failed.")
            tensor.copy_(placed[name])


def _first_mismatch(target: Mapping[str, Tensor], placed: Mapping[str, Tensor], published: Mapping[str, str]) -> str:
    """Say what is the first that differs, in the order of the checkpoint; empty where all agree."""
    for name, tensor in placed.items():
        shape = tuple(tensor.shape)
        if name not in target:
            return f"its {published[name]}, of the shape {shape}, has no place there"
        if shape != (expected := tuple(target[name].shape)):
            return f"its {published[name]} has the shape {shape}, and the network has {expected} there"
    missing = [name for name in target if name not in placed]
    return f"it has no {missing[0]}, of the shape {tuple(target[missing[0]].shape)}" if missing else ""
