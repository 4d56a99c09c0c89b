"""A checkpoint on disk: safetensors for every tensor, JSON for the rest, written whole or not at all.

Keys: ``model/NAME``, ``ema/NAME``, ``target/CHILD.NAME``, ``optim/CHILD/PARAMETER/STATE``. It holds no pickle, no
state of random generators (random numbers are a function of the step) and no state of schedulers (so are learning
rates). When checkpoints are written: `genkit.runs.training.checkpoint_during_training`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from genkit.engine.state import ChildOptimiser, TrainState
from genkit.errors import UsageError
from genkit.runs.on_disk.environment import environment
from genkit.runs.on_disk.step_names import name_of_step, steps_in
from genkit.storage.atomic import new_folder
from genkit.storage.json_tables import Counts, read_table
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.text_files import write_json
from genkit.storage.weights import check_tensors, copy_by_name, digest, select, write_tensors

TENSORS, ABOUT = "state.safetensors", "state.json"
TABLES = ("scaler", "data", "recipe", "lines")  # in state.json; those of earlier versions lack some


def save(state: TrainState, folder: Path, facts: Mapping[str, Any] | None = None) -> None:
    """Write the state into `folder`, which appears once it is complete. `facts` say how the state was trained.

    They are the fingerprint of the `data`, the `data_shape`, the `recipe` of the weights, the owners of its `parts`,
    and the number of `lines` in each log. Raises `OSError`.
    """
    tensors = _weights(state)
    for child, optimiser in state.optimisers.items():
        tensors |= _optimiser_tensors(child, optimiser)

    with new_folder(folder) as new:
        write_tensors(new / TENSORS, tensors)
        scaler = state.scaler.state_dict() if state.scaler is not None else {}
        about = {"step": state.step, "sha256": digest(new / TENSORS), "scaler": scaler}
        write_json(new / ABOUT, {**about, **(facts or {}), **environment()})


def load(state: TrainState, folder: Path) -> None:
    """Fill `state` from a checkpoint.

    Raises `UsageError`, and leaves the state as it is, if the checkpoint is damaged or belongs to another recipe.
    """
    tensors, about = read(folder)
    _check(state, tensors, about, folder)
    copy_by_name(state.model, select(tensors, "model/"), folder)
    if state.average is not None:
        copy_by_name(state.average.model, select(tensors, "ema/"), folder)
    copy_by_name(nn.ModuleDict(state.targets), select(tensors, "target/"), folder)
    for child, optimiser in state.optimisers.items():
        _fill_optimiser(child, optimiser, tensors)
    if state.scaler is not None:
        state.scaler.load_state_dict(about["scaler"])
    state.step = about["step"]


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
        optional = {**dict.fromkeys(TABLES, dict), "data_shape": Counts, "parts": list}
        about = read_table(path, {"step": int, "sha256": str}, optional)
        if folder.name.startswith("step-") and folder.name != name_of_step(about["step"]):
            raise ValueError(f"step {about['step']} in a folder of another step")
        return about
    except ABSENT as error:
        raise UsageError(f"{folder}: incomplete checkpoint ({error}). {_remedy(folder)}") from None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValueError as error:
        raise UsageError(f"{path}: damaged ({error}). {_remedy(folder)}") from None


def _remedy(folder: Path) -> str:
    previous = any(name_of_step(step) < folder.name for step in steps_in(folder.parent))
    whence = "continues from the previous checkpoint" if previous else "starts again from step 0"
    return f"Delete {folder}; a resume then {whence}."


def changed_environment(folder: Path) -> list[str]:
    """Return how the environment differs from the one that wrote the checkpoint; results may then differ in bits."""
    about = read_facts(folder)
    return [
        f"{name} {about.get(name)} then, {now} now" for name, now in environment().items() if about.get(name) != now
    ]


def _weights(state: TrainState) -> dict[str, Tensor]:
    """Return the weights and buffers of the model, of the EMA weights and of the targets, by key."""
    average = state.average.model.state_dict() if state.average is not None else {}
    return {
        **{f"model/{name}": tensor for name, tensor in state.model.state_dict().items()},
        **{f"ema/{name}": tensor for name, tensor in average.items()},
        **{f"target/{name}": tensor for name, tensor in nn.ModuleDict(state.targets).state_dict().items()},
    }


def _check(state: TrainState, tensors: Mapping[str, Tensor], about: Mapping[str, Any], folder: Path) -> None:
    """Raise `UsageError` unless everything in a checkpoint fits the state: names, shapes, dtypes, finite weights."""
    expected = _weights(state)
    weights = {key: tensor for key, tensor in tensors.items() if not key.startswith("optim/")}
    check_tensors(expected, weights, folder)
    wrong = [key for key, tensor in weights.items() if tensor.dtype != expected[key].dtype]
    parameters = {
        f"optim/{child}/{name}": parameter
        for child, optimiser in state.optimisers.items()
        for name, parameter in optimiser.parameters.items()
    }
    moments = {key: tensor for key, tensor in tensors.items() if key.startswith("optim/")}
    wrong += [key for key, moment in moments.items() if not _fits(moment, parameters.get(key.rpartition("/")[0]))]
    if wrong:
        names = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
        raise UsageError(
            f"{folder}: of another optimiser or precision: {len(wrong)} tensors are unknown or have another shape or "
            f"dtype ({names}). Use [optimiser] and [train] precision of the recipe that the run was started with."
        )
    if infinite := [key for key, tensor in weights.items() if not torch.isfinite(tensor).all()]:
        raise UsageError(f"{folder / TENSORS}: {infinite[0]} is not finite. {_remedy(folder)}")
    if state.scaler is not None and state.scaler.state_dict().keys() != (about.get("scaler") or {}).keys():
        raise UsageError(f"{folder / ABOUT}: no state of the gradient scaler of fp16. {_remedy(folder)}")


def _fits(moment: Tensor, parameter: Tensor | None) -> bool:
    """Return whether a tensor can be the optimiser's state of a parameter.

    It is one number, or it has the dtype and the shape of the parameter. An optimiser that factors its moments, such
    as Adafactor, reduces dimensions to 1.
    """
    if parameter is None:
        return False
    same = moment.dtype == parameter.dtype and moment.ndim == parameter.ndim
    lengths = zip(moment.shape, parameter.shape, strict=False)
    return moment.numel() == 1 or (same and all(length in (1, whole) for length, whole in lengths))


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
