"""A checkpoint of torch, as published code saves it: a state dict, bare or beside other things."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

STATE_DICTS = ("model", "state_dict")  # the keys under which a state dict may stand
EPOCH = "epoch"
ZIP, PICKLE = b"PK", b"\x80"  # what a checkpoint begins with, of today and of before torch 1.6


@dataclass(frozen=True)
class PublishedCheckpoint:
    """What a file holds."""

    file: Path
    tensors: Mapping[str, Tensor]  # by the names of the published modules
    epoch: int | None  # how long it was trained, if it says so
    others: tuple[str, ...]  # what else stands in it: the state of an optimiser, ...


def read_checkpoint(file: Path) -> PublishedCheckpoint:
    """Read a checkpoint without running anything in it. Raises `UsageError`."""
    try:
        with file.open("rb") as content:
            start = content.read(len(ZIP))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {describe_os_error(error, file)}.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about pickles that are none of its own
            held = torch.load(file, map_location="cpu", weights_only=True)
    # Among them is an `OSError`: of a file that was cut short, torch seeks places that are not there.
    except (pickle.UnpicklingError, OSError, RuntimeError, ValueError, KeyError, EOFError, AttributeError) as error:
        raise UsageError(f"{file}: {_why_not_read(file, start, error)}") from None

    if start == ZIP and (entry := _damaged_entry(file)):
        raise UsageError(f"{file}: is damaged: the checksum of its entry {entry} is another. Get or copy it again.")
    if not isinstance(held, Mapping):
        raise UsageError(f"{file}: holds a {type(held).__name__}; expected a state dict, bare or as its entry `model`.")
    key = next((key for key in STATE_DICTS if isinstance(held.get(key), Mapping)), None)
    tensors: Mapping[str, Any] = held if key is None else held[key]
    strange = [name for name, value in tensors.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if strange or not tensors:
        what = f"its entry {strange[0]!r} is no named tensor" if strange else "it is empty"
        raise UsageError(f"{file}: holds no state dict: {what}.")
    epoch = held.get(EPOCH) if key is not None else None
    others = () if key is None else tuple(str(name) for name in held if name not in (key, EPOCH))
    return PublishedCheckpoint(file, tensors, epoch if isinstance(epoch, int) else None, others)


def _damaged_entry(file: Path) -> str | None:
    """Return the entry of an archive whose bytes are not those that were written: torch does not look."""
    with zipfile.ZipFile(file) as archive:
        return archive.testzip()


def _why_not_read(file: Path, start: bytes, error: Exception) -> str:
    """Return why a file is no checkpoint that can be read, and the remedy: torch's own words advise to run its code."""
    if not start:
        return "is empty. Get or copy the checkpoint again."
    if not start.startswith((ZIP, PICKLE)):
        return "is no checkpoint of torch: expected a file that `torch.save` wrote."
    if start == ZIP and not zipfile.is_zipfile(file):
        return "is a checkpoint that was cut short: it has a beginning and no end. Get or copy it again."
    if isinstance(error, pickle.UnpicklingError):
        found = re.search(r"GLOBAL (\S+) was not", str(error))
        what = f"an object of {found[1]}" if found else "more than tensors, numbers and texts"
        return (
            f"holds {what}, or is damaged, and genkit runs no code of a checkpoint. Where it was made, save "
            "`model.state_dict()` instead."
        )
    return "is no checkpoint of torch, or is damaged: expected a file that `torch.save` wrote, as it was written."
