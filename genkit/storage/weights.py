"""Model folders: weights as safetensors, and facts about the model with the SHA-256 of each file."""

from __future__ import annotations

import errno
import hashlib
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
from genkit.storage.json_tables import read_table
from genkit.storage.listing import exists
from genkit.storage.names import ABOUT, EMA, RAW
from genkit.storage.os_errors import ABSENT, unreadable
from genkit.storage.regular_file import open_regular
from genkit.storage.text_files import write_json

HOW_TO_REWRITE = (
    "Delete {folder} and call `genkit resume` on its run, which writes it again from a checkpoint; or use another "
    "model folder."
)
NO_EMA_WEIGHTS = "no EMA weights: a run has them if its recipe has [ema], for example with decay = 0.999."
USE_RAW = "Use --weights raw."


def model_folder(path: Path) -> Path:
    """Return the model folder of a finished run, or else `path` itself."""
    return path / "final" if exists(path / "final") else path


def read_weights(folder: Path, which: str, remedy: str = USE_RAW) -> dict[str, Tensor]:
    """Return the "raw" or "ema" weights of a model folder or of a finished run.

    Raises `UsageError`, which ends with the remedy if the folder has no EMA weights.
    """
    check_which(which)
    folder = model_folder(folder)
    path = folder / (EMA if which == "ema" else RAW)
    try:
        digests = read_table(folder / ABOUT, {"sha256": dict})["sha256"]
        if which == "ema" and path.name not in digests and not exists(path):
            raise no_ema_weights(folder, remedy)
        if digest(path) != digests.get(path.name):
            raise ValueError(f"its SHA-256 is not the one in {ABOUT}")
        return load_file(path)
    except (*ABSENT, ValueError, SafetensorError) as error:
        reason = f"damaged or changed since the run wrote it ({error})" if exists(path) else "not found"
        raise UsageError(f"{path}: {reason}. {HOW_TO_REWRITE.format(folder=folder)}") from None
    except OSError as error:
        raise unreadable(Path(error.filename or path), error) from None


def lacks_ema(folder: Path) -> bool:
    """Return whether a model folder was written without EMA weights; False if its facts cannot be read."""
    try:
        return EMA not in read_table(folder / ABOUT, {"sha256": dict})["sha256"] and not exists(folder / EMA)
    except (OSError, ValueError, UsageError):
        return False  # reading the weights reports it


def check_which(which: str) -> None:
    """Raise `UsageError`, which names the option, unless `which` is "raw" or "ema"."""
    if which not in ("raw", "ema"):
        hint = " The best step of a run is a model folder of its own, RUN/best." if which == "best" else ""
        raise UsageError(f"--weights {which}: expected raw or ema.{hint}")


def no_ema_weights(place: Path, remedy: str = USE_RAW) -> UsageError:
    """Return the error for weights at `place` that have no EMA weights beside them."""
    return UsageError(f"{place}: {NO_EMA_WEIGHTS} {remedy}")


def write_model_folder(folder: Path, model: nn.Module, average: nn.Module | None, about: Mapping[str, Any]) -> None:
    """Write weights and facts into a model folder. The facts are written last: the folder is complete if they exist."""
    folder.mkdir(exist_ok=True)
    write_tensors(folder / RAW, model.state_dict())
    if average is not None:
        write_tensors(folder / EMA, average.state_dict())
    digests = {path.name: digest(path) for path in sorted(folder.glob("*.safetensors"))}
    write_json(folder / ABOUT, {**about, "sha256": digests})


def copy_by_name(module: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Copy tensors into a module in place. Raises `UsageError` unless all names and shapes are equal."""
    target = module.state_dict()
    check_tensors(target, tensors, source)
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(tensors[name])


def check_tensors(target: Mapping[str, Tensor], tensors: Mapping[str, Tensor], source: Path) -> None:
    """Raise `UsageError` unless `tensors`, read from `source`, have the names and the shapes of those in `target`."""
    wrong = sorted(target.keys() ^ tensors.keys())
    wrong += sorted(name for name in target.keys() & tensors.keys() if target[name].shape != tensors[name].shape)
    if wrong:
        names = ", ".join(wrong[:3]) + (", ..." if len(wrong) > 3 else "")
        raise UsageError(
            f"{source}: weights of another network: {len(wrong)} tensors are missing, unknown or of another shape "
            f"({names}). Use [model] and [ema] of the recipe that the weights were saved with."
        )


def select(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with `prefix`, by name without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits. Raises `OSError`."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, with the permissions of other files, and flush it to disk. Raises `OSError`."""
    seen: set[int] = set()
    prepared = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        if tensor.data_ptr() in seen:  # tied weights: safetensors does not store shared memory
            tensor = tensor.clone()
        seen.add(tensor.data_ptr())
        prepared[name] = tensor
    path.touch()
    permissions = path.stat().st_mode  # by the umask; safetensors lets only the owner read
    try:
        save_file(prepared, path)
        path.chmod(permissions)
    except SafetensorError as error:  # the error number is found in the message only
        number = int(found[1]) if (found := re.search(r"os error (\d+)", str(error))) else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())
