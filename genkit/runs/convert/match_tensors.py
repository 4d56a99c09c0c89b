"""Copying of a published checkpoint's tensors into a model, or an error that names the first tensor that differs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.runs.convert.published_checkpoint import PublishedCheckpoint
from genkit.runs.convert.tensor_names import describe_network, our_names


def fill_model(model: nn.Module, checkpoint: PublishedCheckpoint, recipe: str) -> None:
    """Copy the tensors of a checkpoint into a model, in place; `recipe` is its file, for messages.

    Half precision is converted to the precision of the model, which is exact; a checkpoint in double precision makes
    the model double. Raises `UsageError` unless model and checkpoint have the same tensors, and if a value is not
    finite.
    """
    names = our_names(checkpoint.tensors)
    tensors = _rename(checkpoint, names)
    published_names = {ours: published for published, ours in names.items()}
    if difference := _first_difference(model.state_dict(), tensors, published_names):
        raise UsageError(
            f"{checkpoint.file}: checkpoint of another network than [model] of {recipe}: {difference}. Set [model] to "
            f"the network of the checkpoint, and [data] to the shape of its images.{describe_network(tensors)}"
        )
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        model.double()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if not torch.isfinite(tensors[name]).all():
                raise UsageError(
                    f"{checkpoint.file}: {name} has values that are not finite: its training diverged. Use an earlier "
                    "checkpoint."
                )
            tensor.copy_(tensors[name])


def _rename(checkpoint: PublishedCheckpoint, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Return the tensors by our names. Raises `UsageError` if two have the same name."""
    tensors: dict[str, Tensor] = {}
    for published, ours in names.items():
        if ours in tensors:
            raise UsageError(
                f"{checkpoint.file}: two tensors for {ours}, one of them named {published}. Save the tensors of one "
                "network only."
            )
        tensors[ours] = checkpoint.tensors[published]
    return tensors


def _first_difference(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], published_names: Mapping[str, str]
) -> str:
    """Return the first difference between the model and the checkpoint, in the order of the checkpoint; empty if none.

    `expected` are the tensors of the model, `tensors` those of the checkpoint, both by our names.
    """
    for name, tensor in tensors.items():
        shape, published = tuple(tensor.shape), published_names[name]
        if name not in expected:
            return f"the checkpoint has {published}, of shape {shape}, and the network does not"
        if shape != (needed := tuple(expected[name].shape)):
            return f"{published} has the shape {shape} in the checkpoint and {needed} in the network"
    missing = next((name for name in expected if name not in tensors), None)
    if missing is None:
        return ""
    return f"the network has {missing}, of shape {tuple(expected[missing].shape)}, and the checkpoint does not"
