"""What tells that data are those that a run was trained on: how many there are, and what a few of them look like.

A resume on other data would be bit-equal with nothing, and what other data hold out may be what the model has learnt.
The few are images, rounded to eight bits, so that neither the machine nor the version of torch plays a part; of other
samples only the number is compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch

from genkit.errors import UsageError
from genkit.noise import Noise, Rows
from genkit.types import Dataset

LOOKED_AT = 64  # samples, spread over the whole split


def witness_of(data: Dataset) -> dict[str, Any]:
    """Return what a checkpoint and a final folder keep of finite data, as JSON holds it."""
    size = data.size
    if not size:
        return {}
    if len(data.shape) != 3:
        return {"samples": size}
    number = min(LOOKED_AT, size)
    indices = torch.arange(number) * (size - 1) // max(number - 1, 1)
    x = data.batch(indices, Noise(0, 0, "witness", Rows.all(number))).x
    pixels = (x.cpu().float() * 255).round().to(torch.uint8).contiguous()
    return {"samples": size, "digest": hashlib.blake2b(pixels.numpy().tobytes(), digest_size=16).hexdigest()}


def check_witness(kept: Mapping[str, Any], data: Dataset, remedy: str) -> None:
    """Raise `UsageError` with the remedy unless the data are those of the witness; an empty one agrees with any."""
    now = witness_of(data) if kept else {}
    if now == kept:
        return
    numbers = kept["samples"], now.get("samples")
    then = "" if len({*numbers}) == 1 else ": {:,} samples then, {} now".format(numbers[0], numbers[1] or "a stream")
    raise UsageError(f"[data] is no longer what this run was trained on{then}. {remedy}")
