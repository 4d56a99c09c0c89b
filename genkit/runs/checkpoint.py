"""A state on disk: safetensors for every tensor, JSON for the rest, written whole or not at all.

Keys: ``model/NAME``, ``ema/NAME``, ``optim/CHILD/PARAMETER/STATE``. There is no pickle, no generator state (random
numbers are a function of the step) and no scheduler state (so are learning rates).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from genkit import __version__
from genkit.engine.state import ChildOptimiser, TrainState
from genkit.errors import UsageError
from genkit.storage.weights import copy_by_name, digest, select, write_json, write_tensors

TENSORS, ABOUT = "state.safetensors", "state.json"


def save(state: TrainState, folder: Path, data: Mapping[str, Any] | None = None) -> None:
    """Write the state into the new folder `folder`; it appears under this name only when it is complete.

    `data` is what the checkpoint is to know of the data.
    """
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    if state.average is not None:
        tensors |= {f"ema/{name}": tensor for name, tensor in state.average.model.state_dict().items()}
    for child, optimiser in state.optimisers.items():
        tensors |= _optimiser_tensors(child, optimiser)

    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write_tensors(partial / TENSORS, tensors)
    scaler = state.scaler.state_dict() if state.scaler is not None else {}
    about = {"step": state.step, "sha256": digest(partial / TENSORS), "scaler": scaler, "data": dict(data or {})}
    write_json(partial / ABOUT, {**about, **environment()})
    shutil.rmtree(folder, ignore_errors=True)  # the same step, saved again after a resume
    os.replace(partial, folder)


def load(state: TrainState, folder: Path) -> Mapping[str, Any]:
    """Fill `state` with what `save` wrote, and return what was known of the data.

    Raises `UsageError` if it is damaged or of another recipe.
    """
    tensors, about = read(folder)
    copy_by_name(state.model, select(tensors, "model/"), folder)
    if state.average is not None:
        copy_by_name(state.average.model, select(tensors, "ema/"), folder)
    for child, optimiser in state.optimisers.items():
        _fill_optimiser(child, optimiser, tensors)
    if state.scaler is not None:
        state.scaler.load_state_dict(about["scaler"])
    state.step = about["step"]
    return about.get("data", {})


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the facts of a checkpoint, verified. Raises `UsageError`."""
    remedy = f"Delete {folder}: a resume then goes on from the checkpoint before it."
    try:
        about = json.loads((folder / ABOUT).read_text())
        if digest(folder / TENSORS) != about["sha256"]:
            raise UsageError(f"{folder / TENSORS}: cut short or changed since it was written. {remedy}")
        return load_file(folder / TENSORS), about
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise UsageError(f"{folder}: not a whole checkpoint ({error}). {remedy}") from None


def differences(folder: Path) -> list[str]:
    """Return in what the environment differs from the one that wrote the checkpoint: then bits may differ, too."""
    about = read(folder)[1]
    return [
        f"{name} {about.get(name)} then, {now} now" for name, now in environment().items() if about.get(name) != now
    ]


def environment() -> dict[str, Any]:
    """Return what equal bits depend on, beside the recipe."""
    return {
        "genkit": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "machine": platform.machine(),
    }


def _optimiser_tensors(child: str, optimiser: ChildOptimiser) -> dict[str, Tensor]:
    return {
        f"optim/{child}/{name}/{key}": torch.as_tensor(value)
        for name, parameter in optimiser.parameters.items()
        for key, value in optimiser.optimiser.state.get(parameter, {}).items()
    }


def _fill_optimiser(child: str, optimiser: ChildOptimiser, tensors: Mapping[str, Tensor]) -> None:
    optimiser.optimiser.state.clear()
    for name, parameter in optimiser.parameters.items():
        if saved := select(tensors, f"optim/{child}/{name}/"):
            optimiser.optimiser.state[parameter] = {key: _like(parameter, tensor) for key, tensor in saved.items()}


def _like(parameter: Tensor, saved: Tensor) -> Tensor:
    # A moment must have the memory layout of its parameter: fused Adam is silently wrong on channels-last weights with
    # contiguous moments, and `load_state_dict` makes just that.
    if saved.shape != parameter.shape:
        return saved.to(parameter.device)
    return torch.empty_like(parameter, memory_format=torch.preserve_format, requires_grad=False).copy_(saved)
