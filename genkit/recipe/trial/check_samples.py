"""Check of the samples that a data set returns, when the data are first read and in every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from genkit.core.dataset import Dataset, Raw, Samples
from genkit.core.noise import Noise
from genkit.errors import PartMistake
from genkit.part_code import code_of


def checked_samples(data: Dataset, found: Any, noise: Noise) -> Samples:
    """Return what `batch` returned with this noise. Raises `PartMistake` unless it is what `Samples` requires."""
    if mistake := _mistake(data, found, noise):  # the place in the code is looked up only now, since that takes long
        raise PartMistake(f"{code_of(data)}: batch returned {mistake}")
    return found


def checked_raw(data: Dataset, found: Any, noise: Noise) -> Raw:
    """Return what `load` returned with this noise. Raises `PartMistake` unless it is what `Raw` requires."""
    if mistake := _mistake_of_raw(found, noise):
        raise PartMistake(f"{code_of(data)}: load returned {mistake}")
    return found


def _mistake_of_raw(found: Any, noise: Noise) -> str:
    if not isinstance(found, Raw) or not isinstance(found.tensors, Mapping) or not isinstance(found.notes, Mapping):
        return f"a {type(found).__name__}. Return genkit.api.Raw(tensors, notes), both by name"
    for name, tensor in found.tensors.items():
        if not isinstance(tensor, Tensor) or tensor.device.type != "cpu":
            kind = f"a tensor on {tensor.device}" if isinstance(tensor, Tensor) else f"a {type(tensor).__name__}"
            return f'{kind} as "{name}". Return a tensor on the CPU'
        if tensor.dim() == 0 or len(tensor) != len(noise.rows):
            return f'the shape {tuple(tensor.shape)} as "{name}". Return a tensor with {len(noise.rows)} rows'
    if not all(isinstance(text, str) for pair in found.notes.items() for text in pair):
        return "notes that are no texts. Return texts by name"
    return ""


def _mistake(data: Dataset, found: Any, noise: Noise) -> str:
    """Return what is wrong with the samples, as the end of a sentence; empty if nothing is."""
    rows = len(noise.rows)
    if not isinstance(found, Samples):
        return f"a {type(found).__name__}. Return genkit.api.Samples(x)"
    x: Any = found.x
    if not isinstance(x, Tensor):
        return f"x as a {type(x).__name__}. Return a tensor of float32"
    if x.shape != (rows, *data.shape):
        return f"x of the shape {tuple(x.shape)} for {rows} indices, expected {(rows, *data.shape)}"
    if x.dtype not in (torch.float32, noise.dtype):  # a density of float64 noise has float64 samples
        return f"x of the type {x.dtype}. Convert it with .float()"
    if not isinstance(found.extra, Mapping):
        return f"extra as a {type(found.extra).__name__}. Return tensors by name"
    for name, tensor in found.extra.items():
        if not isinstance(tensor, Tensor) or len(tensor) != rows:
            shape = f"the shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else f"a {type(tensor).__name__}"
            return f'{shape} as extra "{name}". Return a tensor with {rows} rows'
    return ""


def check_values(data: Dataset, samples: Samples) -> None:
    """Raise `ValueError` unless samples are finite, and images in [0, 1]."""
    if not torch.isfinite(samples.x).all():
        raise ValueError(f"{code_of(data)}: samples are not finite")
    low, high = samples.x.min().item(), samples.x.max().item()
    if len(data.shape) == 3 and (low < 0 or high > 1):
        remedy = "Divide them by 255" if 1 < high <= 255 and low >= 0 else "Scale them to [0, 1]"
        raise ValueError(f"{code_of(data)}: images have values from {low:g} to {high:g}. {remedy}")
