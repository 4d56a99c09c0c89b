"""What tells that data are those that a run was trained on: how many there are, and what a few of them look like.

A resume on other data would be bit-equal with nothing. The few are images, rounded to eight bits, so that neither the
machine nor the version of torch plays a part; of other samples only the number is compared.
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
    """Return what a checkpoint keeps of finite data, as JSON holds it."""
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


def check_witness(kept: Mapping[str, Any], data: Dataset) -> None:
    """Raise `UsageError` if the data are not those of the checkpoint; one without a witness is taken as it is."""
    now = witness_of(data) if kept else {}
    if now == kept:
        return
    then = "" if now["samples"] == kept["samples"] else f": {kept['samples']:,} samples then, {now['samples']:,} now"
    raise UsageError(
        f"[data] is no longer what this run was trained on{then}. Put it back as it was, or begin a new run; with "
        "warm_start it takes the weights of this one."
    )
