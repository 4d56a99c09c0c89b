"""Fingerprint of the training and held-out data, stored in checkpoints and model folders.

genkit compares it before a run is resumed or evaluated. A run that resumes on other data would not reproduce anything;
other held-out samples may be samples that the model was trained on; and numbers on other held-out samples cannot be
compared.

The fingerprint of images is their number, a digest of their pixels, rounded to 8 bits, so that it does not depend on
the machine or the version of torch, and a digest of their labels, if they have any. Earlier versions of genkit did not
save that of the labels. The fingerprint of other samples is their number only. A stream supplies its own
fingerprint (`genkit.core.dataset.FingerprintedSource`), because reading its images takes as long as a pass over it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from genkit.core.dataset import Dataset, FingerprintedSource
from genkit.core.noise import Noise, Rows
from genkit.errors import UsageError
from genkit.part_code import describe_bug

# The digest of a split covers at most so many bytes of it (all of MNIST, 21,845 colour images of 32 x 32, 341 of
# 256 x 256), but at least so many samples, spread over the whole split.
MOST_BYTES = 2**26
LEAST_SAMPLES = 64
CHUNK_BYTES = 2**22
HELD_OUT = "held_out"
LABELS = "label_digest"  # key of a fingerprint
LABEL = "label"  # of a sample, as data sets name it in `Samples.extra`


def data_fingerprint(data: Dataset) -> dict[str, Any]:
    """Return the fingerprint of a data set and its held-out split, as values that JSON can store.

    It is empty for data that cannot change, such as a density.
    """
    held_out = data.held_out()
    other = _fingerprint_of_split(held_out) if held_out.split != data.split else {}
    return {**_fingerprint_of_split(data), **({HELD_OUT: other} if other else {})}


def check_data_fingerprint(saved: Mapping[str, Any], data: Dataset, remedy: str) -> None:
    """Compare data with a saved fingerprint. Raises `UsageError`, which ends with the remedy, if they differ.

    A part that the saved fingerprint lacks is not compared, nor is a split that is missing on this machine: an
    evaluation of held-out samples does not need the training samples.
    """
    place = getattr(data, "path", None)  # of data in files: the key of the recipe that names their folder or file
    within = f" in {place}" if isinstance(place, Path) else ""
    _check(_part(saved, "train"), data, f"the training samples{within}", remedy)
    held_out = saved.get(HELD_OUT)
    _check(held_out if isinstance(held_out, Mapping) else {}, data.held_out(), "the held-out samples", remedy)


def same_images(one: Mapping[str, Any], other: Mapping[str, Any], split: str) -> bool | None:
    """Return whether two fingerprints are of the same images of a split; None if they do not describe images."""
    one, other = _part(one, split), _part(other, split)
    if not one or not other or not ("pixel_digest" in one or "pixel_digest" in other):
        return None
    return all(one.get(key) == other.get(key) for key in ("samples", "pixel_digest"))  # labels are not in a picture


def _part(fingerprint: Mapping[str, Any], split: str) -> Mapping[str, Any]:
    train = {key: value for key, value in fingerprint.items() if key != HELD_OUT}
    return train if split == "train" else fingerprint.get(HELD_OUT, train)


def _check(saved: Mapping[str, Any], data: Dataset, samples: str, remedy: str) -> None:
    if not saved or data.unmet():
        return
    now = _fingerprint_of_split(data)
    changed = [key for key in saved.keys() | (now.keys() - {LABELS}) if saved.get(key) != now.get(key)]
    if not changed:
        return
    if changed == [LABELS]:
        raise UsageError(f"[data]: the labels of {samples} have changed since this run was trained. {remedy}")
    before, after = saved.get("samples"), now.get("samples")
    known = isinstance(before, int) and before != after
    numbers = "" if not known else f" ({before:,} samples then, {f'{after:,}' if after else 'a stream'} now)"
    raise UsageError(f"[data]: {samples} have changed since this run was trained{numbers}. {remedy}")


def _fingerprint_of_split(data: Dataset) -> dict[str, Any]:
    """Return the fingerprint of one split; empty if it is missing on this machine or cannot change.

    Raises `UsageError` for a mistake in the data set, such as a `size` that is too large.
    """
    try:
        return _compute(data)
    except (UsageError, OSError, MemoryError):
        raise
    except (Exception, SystemExit, GeneratorExit) as error:
        raise UsageError(f"[data] the {data.split} split cannot be read: {describe_bug(data, error)}") from error


def _compute(data: Dataset) -> dict[str, Any]:
    if data.unmet():
        return {}
    size = data.size
    if not size:
        return dict(data.data_fingerprint()) if size is None and isinstance(data, FingerprintedSource) else {}
    if len(data.shape) != 3:
        return {"samples": size}
    bytes_per_image = math.prod(data.shape)
    number = min(size, max(LEAST_SAMPLES, MOST_BYTES // bytes_per_image))
    indices = torch.arange(number) * (size - 1) // max(number - 1, 1)
    digest, labels = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    labelled = True
    for start, chunk in enumerate(indices.split(max(1, CHUNK_BYTES // bytes_per_image))):
        # The source "witness" is an old name: saved fingerprints depend on it.
        samples = data.batch(chunk, Noise(0, start, "witness", Rows.all(len(chunk))))
        digest.update((samples.x.cpu().float() * 255).round().to(torch.uint8).contiguous().numpy().data)
        label = samples.extra.get(LABEL)
        labelled = labelled and label is not None
        labels.update(b"" if label is None else label.cpu().contiguous().numpy().data)
    return {
        "samples": size,
        "pixel_digest": digest.hexdigest(),
        **({LABELS: labels.hexdigest()} if labelled else {}),
    }
