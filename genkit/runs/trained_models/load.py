"""Networks of trained models, read from disk."""

from __future__ import annotations

from os import PathLike

import torch

from genkit.core.global_generators import restored_generators
from genkit.core.model import Model
from genkit.core.torch_defaults import standard_defaults
from genkit.runs.on_disk.class_facts import add_class_facts
from genkit.runs.trained_models.build_parts import build_model
from genkit.runs.trained_models.saved_model import SavedModel, find_model
from genkit.storage.user_path import user_path
from genkit.storage.weights import copy_by_name


def load(path: str | PathLike[str], weights: str = "raw") -> Model:
    """Return the model of a run or of a model folder, in evaluation mode, on the CPU.

    A run that has not finished has the weights of its newest checkpoint. `weights` is "raw", or "ema" for the EMA
    weights of a run with ``[ema]``. Loading needs the plugin that supplies the model, but neither the data nor the
    loss. Raises `UsageError` if `path` is neither a run nor a model folder, or if its recipe or its weights cannot be
    read.
    """
    return load_saved(find_model(user_path(path)), weights)


@standard_defaults()
@restored_generators()  # the initial weights, which are replaced, are drawn
def load_saved(saved: SavedModel, weights: str) -> Model:
    """Return a model with its "raw" or "ema" weights. Raises `UsageError`."""
    model = build_model(saved.recipe, tuple(saved.facts["data_shape"]))
    tensors = saved.tensors(weights)
    if any(tensor.dtype == torch.float64 for tensor in tensors.values()):
        model.double()
    copy_by_name(model, tensors, saved.place)
    add_class_facts(model, saved.facts)
    return model.eval()
