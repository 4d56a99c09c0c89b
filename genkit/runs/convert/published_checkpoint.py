"""Published checkpoints: files that `torch.save` wrote, with a state dict alone or next to other entries."""

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
from genkit.storage.regular_file import open_regular

STATE_DICTS = ("model", "state_dict")  # keys of the state dict, if it is not the whole checkpoint
EPOCH = "epoch"
ZIP, PICKLE = b"PK", b"\x80"  # first bytes of a checkpoint, since torch 1.6 and before
DOWNLOAD_AGAIN = "Download or copy the file again."


@dataclass(frozen=True)
class PublishedCheckpoint:
    """Content of a published checkpoint."""

    file: Path
    tensors: Mapping[str, Tensor]  # by their published names
    epoch: int | None  # number of epochs that it was trained for; None if the file does not say
    other_entries: tuple[str, ...]  # what else the file has, such as the state of an optimiser


def read_checkpoint(file: Path) -> PublishedCheckpoint:
    """Return the content of a checkpoint; no code in the file is run.

    Raises `UsageError` if the file cannot be read, is damaged, or has no state dict.
    """
    content = _load_file(file)
    if not isinstance(content, Mapping):
        raise UsageError(
            f"{file}: holds a {type(content).__name__}. Expected a state dict, or a dict with a state dict under "
            f"{' or '.join(STATE_DICTS)}."
        )
    key = next((key for key in STATE_DICTS if isinstance(content.get(key), Mapping)), None)
    tensors = content if key is None else content[key]
    _check_state_dict(file, tensors)
    if key is None:
        return PublishedCheckpoint(file, tensors, None, ())
    epoch = content.get(EPOCH)
    other_entries = tuple(str(name) for name in content if name not in (key, EPOCH))
    return PublishedCheckpoint(file, tensors, epoch if isinstance(epoch, int) else None, other_entries)


def _load_file(file: Path) -> Any:
    """Return what `torch.save` wrote. Raises `UsageError`."""
    try:
        with open_regular(file) as opened:
            start = opened.read(len(ZIP))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {describe_os_error(error, file)}.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about pickles of other programs
            content = torch.load(file, map_location="cpu", weights_only=True)
    # torch raises OSError if a file is incomplete: it seeks beyond the end.
    except (pickle.UnpicklingError, OSError, RuntimeError, ValueError, KeyError, EOFError, AttributeError) as error:
        raise UsageError(f"{file}: {_why_unreadable(file, start, error)}") from None
    if start == ZIP and (entry := _damaged_entry(file)):
        raise UsageError(f"{file}: damaged: wrong checksum of its entry {entry}. {DOWNLOAD_AGAIN}")
    return content


def _check_state_dict(file: Path, tensors: Mapping[Any, Any]) -> None:
    """Raise `UsageError` unless there are tensors, all of them named."""
    wrong = [name for name, value in tensors.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if wrong or not tensors:
        problem = f"its entry {wrong[0]!r} is not a named tensor" if wrong else "it is empty"
        raise UsageError(f"{file}: no state dict: {problem}. Save `model.state_dict()` with `torch.save`.")


def _damaged_entry(file: Path) -> str | None:
    """Return the first entry of an archive with a wrong checksum; None if there is none. torch does not check."""
    with zipfile.ZipFile(file) as archive:
        return archive.testzip()


def _why_unreadable(file: Path, start: bytes, error: Exception) -> str:
    """Return why a file cannot be read, and the remedy. The message of torch recommends to run the code in the file."""
    if not start:
        return f"empty file. {DOWNLOAD_AGAIN}"
    if not start.startswith((ZIP, PICKLE)):
        return "not a torch checkpoint. Expected a file that `torch.save` wrote."
    if start == ZIP and not zipfile.is_zipfile(file):
        return f"incomplete checkpoint: the end of the file is missing. {DOWNLOAD_AGAIN}"
    if isinstance(error, pickle.UnpicklingError):
        found = re.search(r"GLOBAL (\S+) was not", str(error))
        what = f"a Python object ({found[1]})" if found else "more than tensors, numbers and texts"
        return (
            f"holds {what}, or is damaged. genkit does not run code from a checkpoint. Save `model.state_dict()` where "
            "the checkpoint was made, and convert that file."
        )
    return "not a torch checkpoint, or damaged. Expected a file that `torch.save` wrote."
