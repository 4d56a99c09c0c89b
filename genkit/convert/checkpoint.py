"""A checkpoint of torch, as published code saves it: a state dict, bare or beside other things."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.errors import UsageError

STATE_DICTS = ("model", "state_dict")  # the keys under which a state dict may stand
EPOCH = "epoch"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds."""

    file: Path
    tensors: Mapping[str, Tensor]  # by the names of the published modules
    epoch: int | None  # how long it was trained, if it says so
    others: tuple[str, ...]  # what else stands in it: the state of an optimiser, ...


def read_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint without running anything in it. Raises `UsageError`."""
    try:
        held = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}.") from None
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{file}: holds more than tensors, numbers and texts, or is damaged, and genkit runs no code of a "
            f"checkpoint. Where it was made, save `model.state_dict()` instead. (torch: {str(error).splitlines()[0]})"
        ) from None
    except (RuntimeError, ValueError, KeyError, EOFError, AttributeError) as error:
        raise UsageError(f"{file}: is no checkpoint of torch, or damaged: {str(error).splitlines()[:1]}.") from None

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
    return Checkpoint(file, tensors, epoch if isinstance(epoch, int) else None, others)
