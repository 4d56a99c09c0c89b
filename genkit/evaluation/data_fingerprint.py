"""What tells that data are those that a run was trained on: how many there are and what they look like, of both splits.

A resume on other data would be bit-equal with nothing, what other data hold out may be what the model has learnt, and
numbers on other held-out data cannot be compared. Of images the pixels are compared, rounded to eight bits, so that
neither the machine nor the version of torch plays a part; of other samples only the number. A stream tells by itself
what its order hangs on: to look at its pictures would take as long as to read them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import torch

from genkit.core.noise import Noise, Rows
from genkit.core.types import Dataset, FingerprintedSource
from genkit.errors import UsageError

LOOKED_AT = 2**26  # bytes of a split at most: all of MNIST, 21,845 images of 32 x 32 in colour, 341 of 256 x 256, ...
AT_LEAST = 64  # ... samples, spread over the whole split
AT_ONCE = 2**22  # bytes
HELD_OUT = "held_out"


def data_fingerprint(data: Dataset) -> dict[str, Any]:
    """Return what a checkpoint and a final folder keep of data that may change, as JSON holds it."""
    held_out = data.held_out()
    other = _facts_of(held_out) if held_out.split != data.split else {}
    return {**_facts_of(data), **({HELD_OUT: other} if other else {})}


def check_data_fingerprint(kept: Mapping[str, Any], data: Dataset, remedy: str) -> None:
    """Raise `UsageError` with the remedy unless the data are those of the witness; an empty one agrees with any.

    A split that is absent is not compared: what a model learnt from may lack where only what is held out is read.
    """
    _check(_part(kept, "train"), data, "is no longer what this run was trained on", remedy)
    _check(kept.get(HELD_OUT, {}), data.held_out(), "no longer holds out what it did for this run", remedy)


def same_images(one: Mapping[str, Any], other: Mapping[str, Any], split: str) -> bool | None:
    """Tell whether two witnesses are of the same images of a split; None where they do not say."""
    one, other = _part(one, split), _part(other, split)
    if not one or not other or not ("pixel_digest" in one or "pixel_digest" in other):
        return None
    return one == other


def _part(data_fingerprint: Mapping[str, Any], split: str) -> Mapping[str, Any]:
    trained_on = {key: value for key, value in data_fingerprint.items() if key != HELD_OUT}
    return trained_on if split == "train" else data_fingerprint.get(HELD_OUT, trained_on)


def _check(then: Mapping[str, Any], data: Dataset, how: str, remedy: str) -> None:
    if not then or data.unmet() or (now := _facts_of(data)) == then:
        return
    numbers = then["samples"], now.get("samples")
    what = "" if len({*numbers}) == 1 else ": {:,} samples then, {} now".format(numbers[0], numbers[1] or "a stream")
    raise UsageError(f"[data] {how}{what}. {remedy}")


def _facts_of(data: Dataset) -> dict[str, Any]:
    """Return the number of samples of a split, and a digest of images; of what never ends, what it tells itself."""
    if data.unmet():
        return {}
    size = data.size
    if not size:
        return dict(data.data_fingerprint()) if size is None and isinstance(data, FingerprintedSource) else {}
    if len(data.shape) != 3:
        return {"samples": size}
    each = math.prod(data.shape)
    number = min(size, max(AT_LEAST, LOOKED_AT // each))
    indices = torch.arange(number) * (size - 1) // max(number - 1, 1)
    made = hashlib.blake2b(digest_size=16)
    for start, some in enumerate(indices.split(max(1, AT_ONCE // each))):
        x = data.batch(some, Noise(0, start, "witness", Rows.all(len(some)))).x
        made.update((x.cpu().float() * 255).round().to(torch.uint8).contiguous().numpy().data)
    return {"samples": size, "pixel_digest": made.hexdigest()}
