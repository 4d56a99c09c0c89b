"""A checkpoint on disk: safetensors for every tensor, JSON for the rest, written whole or not at all.

Keys: ``model/NAME``, ``ema/NAME``, ``optim/CHILD/PARAMETER/STATE``. It holds no pickle, no state of random generators
(random numbers are a function of the step) and no state of schedulers (so are learning rates). When checkpoints are
written: `genkit.runs.checkpoint_during_training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from genkit.engine.state import ChildOptimiser, TrainState
from genkit.errors import UsageError
from genkit.runs.environment import environment
from genkit.storage.atomic import new_folder
from genkit.storage.json_tables import read_table
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.weights import copy_by_name, digest, select, write_json, write_tensors

TENSORS, ABOUT = "state.safetensors", "state.json"


def save(state: TrainState, folder: Path, data: Mapping[str, Any] | None = None) -> None:
    """Write the state into `folder`, which appears once it is complete; `data` is the fingerprint of the data."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    if state.average is not None:
        tensors |= {f"ema/{name}": tensor for name, tensor in state.average.model.state_dict().items()}
    for child, optimiser in state.optimisers.items():
        tensors |= _optimiser_tensors(child, optimiser)

    with new_folder(folder) as new:
        write_tensors(new / TENSORS, tensors)
        scaler = state.scaler.state_dict() if state.scaler is not None else {}
        about = {"step": state.step, "sha256": digest(new / TENSORS), "scaler": scaler, "data": dict(data or {})}
        write_json(new / ABOUT, {**about, **environment()})


def load(state: TrainState, folder: Path) -> Mapping[str, Any]:
    """Fill `state` from a checkpoint, and return the fingerprint of the data that it was trained on.

    Raises `UsageError` if the checkpoint is damaged or belongs to another recipe.
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
    """Return the tensors and the facts of a checkpoint, verified by its SHA-256. Raises `UsageError`."""
    try:
        about = read_facts(folder)
        if digest(folder / TENSORS) != about["sha256"]:
            raise UsageError(f"{folder / TENSORS}: cut short or changed since it was written. {_remedy(folder)}")
        return load_file(folder / TENSORS), about
    except (*ABSENT, SafetensorError) as error:
        raise UsageError(f"{folder}: incomplete checkpoint ({error}). {_remedy(folder)}") from None
    except OSError as error:
        raise unreadable(Path(error.filename or folder), error) from None


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the facts of a checkpoint without reading its tensors. Raises `UsageError` if they are damaged."""
    path = folder / ABOUT
    try:
        return read_table(path, {"step": int, "sha256": str}, {"scaler": dict, "data": dict})
    except ABSENT as error:
        raise UsageError(f"{folder}: incomplete checkpoint ({error}). {_remedy(folder)}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:
        raise UsageError(f"{path}: damaged ({error}). {_remedy(folder)}") from None


def _remedy(folder: Path) -> str:
    return f"Delete {folder}; a resume then continues from the previous checkpoint."


def changed_environment(folder: Path) -> list[str]:
    """Return how the environment differs from the one that wrote the checkpoint; results may then differ in bits."""
    about = read_facts(folder)
    return [
        f"{name} {about.get(name)} then, {now} now" for name, now in environment().items() if about.get(name) != now
    ]


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
    # A moment needs the memory layout of its parameter. Fused Adam is silently wrong on channels-last weights with
    # contiguous moments, which is what `load_state_dict` makes.
    if saved.shape != parameter.shape:
        return saved.to(parameter.device)
    return torch.empty_like(parameter, memory_format=torch.preserve_format, requires_grad=False).copy_(saved)
