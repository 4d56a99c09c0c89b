"""Weights on disk and back: safetensors by name, written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from genkit.errors import UsageError
from genkit.storage.atomic import write_file

RAW, EMA, ABOUT = "model.safetensors", "ema.safetensors", "about.json"  # in a final folder
MADE_AGAIN = (
    "Of a run whose checkpoints are there, delete {folder} and call `genkit resume` on it, which writes it again; or "
    "give another final folder."
)
NO_AVERAGE = (
    'no moving average is kept, which "ema" weights are: a run keeps one if its recipe has [ema], with decay = 0.999 '
    "for example."
)


def model_folder(path: Path) -> Path:
    """Return the final folder of a run, or `path` itself if it is one."""
    return path / "final" if (path / "final").is_dir() else path


def read_weights(folder: Path, which: str) -> dict[str, Tensor]:
    """Return the "raw" or "ema" weights of a final folder, or of a run folder that has one. Raises `UsageError`."""
    if which not in ("raw", "ema"):
        raise UsageError(f'weights = {which!r}: expected "raw" or "ema".')
    folder = model_folder(folder)
    path = folder / (EMA if which == "ema" else RAW)
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if which == "ema" and path.name not in about["sha256"] and not path.exists():
            raise UsageError(f'{folder}: {NO_AVERAGE} Its "raw" weights are there.')
        if digest(path) != about["sha256"][path.name]:
            raise ValueError("its digest is another")
        return load_file(path)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        reason = "not there" if not path.exists() else f"not what the run wrote ({error})"
        raise UsageError(f"{path}: {reason}. {MADE_AGAIN.format(folder=folder)}") from None


def write_final(folder: Path, model: nn.Module, average: nn.Module | None, about: Mapping[str, Any]) -> None:
    """Write weights and facts into a final folder; the facts come last, and tell that it is complete."""
    folder.mkdir(exist_ok=True)
    write_tensors(folder / RAW, model.state_dict())
    if average is not None:
        write_tensors(folder / EMA, average.state_dict())
    digests = {path.name: digest(path) for path in sorted(folder.glob("*.safetensors"))}
    write_json(folder / ABOUT, {**about, "sha256": digests})


def fill_weights(model: nn.Module, folder: Path, which: str) -> None:
    """Give a model the weights of a final folder. Raises `UsageError` if they are of another network."""
    copy_by_name(model, read_weights(folder, which), folder)


def copy_by_name(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copy tensors into a module in place. Raises `UsageError` unless all names and shapes agree."""
    target = module.state_dict()
    wrong = sorted(target.keys() ^ tensors.keys())
    wrong += sorted(name for name in target.keys() & tensors.keys() if target[name].shape != tensors[name].shape)
    if wrong:
        names = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
        raise UsageError(
            f"{source}: holds the weights of another network: {len(wrong)} tensors are missing, unknown or of another "
            f"shape ({names}). [model] and [ema] must be as they were when it was saved."
        )
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(tensors[name])


def select(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors, and onto the disk. Raises `OSError`."""
    seen: set[int] = set()
    prepared = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        if tensor.data_ptr() in seen:  # tied weights: safetensors keeps no shared memory
            tensor = tensor.clone()
        seen.add(tensor.data_ptr())
        prepared[name] = tensor
    try:
        save_file(prepared, path)
    except SafetensorError as error:  # the number of the error stands in its words alone
        number = int(found[1]) if (found := re.search(r"os error (\d+)", str(error))) else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_json(path: Path, value: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_file(path, text.encode("utf-8"))
