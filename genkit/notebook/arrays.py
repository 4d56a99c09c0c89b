"""Arrays and tensors of a user, converted to the tensors that genkit computes with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.errors import UsageError

INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64)
MOST_CLASSES = 2**20


def samples_tensor(given: Any, where: str) -> Tensor:
    """Return samples to train on, (N, *shape) uint8 or float32: a copy, on the CPU.

    Images, (N, C, H, W), are uint8 or floats in [0, 1]; points, (N, D), uint8 or finite floats. Raises `UsageError`,
    which begins with `where`.
    """
    x = as_tensor(given, where)
    if x.dim() not in (2, 4):
        raise UsageError(f"{where}: found the shape {tuple(x.shape)}, expected (N, C, H, W) or (N, D).{_remedy(x)}")
    if 0 in x.shape:
        raise UsageError(f"{where}: found the shape {tuple(x.shape)}, which holds no sample. Give at least one.")
    if x.dim() == 4 and x.shape[1] > 4 >= x.shape[3]:
        moved = "permute" if isinstance(given, Tensor) else "transpose"
        raise UsageError(
            f"{where}: found the shape {tuple(x.shape)}, channels last. Move the channels: x.{moved}(0, 3, 1, 2)."
        )
    if x.dtype == torch.uint8:
        return x.clone(memory_format=torch.contiguous_format)
    values = _floats(x, torch.float32, where, isinstance(given, Tensor))
    if x.dim() == 4:
        refuse_other_range(values, where)
    return values.clone(memory_format=torch.contiguous_format)


def inputs_tensor(given: Any, shape: tuple[int, ...], dtype: torch.dtype, where: str) -> Tensor:
    """Return what a network takes, (n, *shape), in its dtype; uint8 becomes [0, 1]. Raises `UsageError`."""
    x = as_tensor(given, where)
    if tuple(x.shape[1:]) != shape:
        one = " Add a dimension for a single one: x[None]." if tuple(x.shape) == shape else ""
        expected = ", ".join(map(str, ("n", *shape)))
        raise UsageError(f"{where}: found the shape {tuple(x.shape)}, expected ({expected}).{one}")
    if x.dtype == torch.uint8:
        return (x.to(torch.float32) / 255).to(dtype)
    return _floats(x, dtype, where, isinstance(given, Tensor))


def refuse_other_range(images: Tensor, where: str, rounding: float = 0.0) -> None:
    """Raise `UsageError` for images with values outside [0, 1] by more than a rounding."""
    low, high = images.min().item(), images.max().item()
    if low < -rounding or high > 1 + rounding:
        remedy = "Divide them by 255" if 1 < high <= 255 and low >= 0 else "Scale them to [0, 1]"
        raise UsageError(f"{where}: images have values from {low:g} to {high:g}, expected [0, 1]. {remedy}.")


def labels_tensor(given: Any, number: int, where: str) -> Tensor:
    """Return the classes of `number` samples, (number,) int64. Raises `UsageError`."""
    if _texts(given):
        raise UsageError(
            f"{where}: found texts, expected integers. Number them: numpy.unique(x, return_inverse=True)[1]."
        )
    labels = as_tensor(given, where)
    if labels.dtype not in INTEGERS or labels.shape != (number,):
        raise UsageError(
            f"{where}: found {labels.dtype} of the shape {tuple(labels.shape)}, expected integers of the shape "
            f"({number},), one for each sample."
        )
    labels = labels.to(torch.int64)
    if number and not 0 <= labels.min().item() <= labels.max().item() < MOST_CLASSES:
        raise UsageError(
            f"{where}: found classes from {labels.min().item()} to {labels.max().item()}. Number the classes from 0 on."
        )
    return labels.clone()


def as_tensor(given: Any, where: str) -> Tensor:
    """Return an array or a tensor as a tensor on the CPU, without a gradient. Raises `UsageError` for anything else."""
    if isinstance(given, Tensor):
        return given.detach().cpu()
    try:
        array = np.asarray(given)
        if array.dtype.hasobject or array.dtype.kind not in "biuf":
            raise TypeError
        return torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="), copy=False)))
    except (TypeError, ValueError):
        raise UsageError(
            f"{where}: found a {type(given).__name__}, expected an array or a tensor of numbers."
        ) from None


def _texts(given: Any) -> bool:
    """Return whether something is texts, such as the names of classes."""
    if isinstance(given, Tensor):
        return False
    try:
        array = np.asarray(given)
    except (TypeError, ValueError):  # rows of different lengths
        return False
    return array.ndim > 0 and (array.dtype.kind in "UST" or any(isinstance(each, str) for each in array.flat[:1]))


def _floats(x: Tensor, dtype: torch.dtype, where: str, of_torch: bool) -> Tensor:
    """Return floats in a dtype in which they are finite. Raises `UsageError`, with a remedy for torch or for NumPy."""
    if not x.is_floating_point():
        remedy = "x.float() / 255" if of_torch else "x.astype('float32') / 255"
        raise UsageError(f"{where}: found {x.dtype}, expected floats or uint8. Convert it, for example with {remedy}.")
    x = x.to(dtype)
    bad = ~torch.isfinite(x)
    if bad.any():
        first = bad.flatten(1).any(1).nonzero()[0].item() if x.dim() > 1 else 0
        raise UsageError(
            f"{where}: {int(bad.sum()):,} values are not finite in {str(dtype).removeprefix('torch.')}, first in row "
            f"{first}. Remove such rows."
        )
    return x


def _remedy(x: Tensor) -> str:
    match x.dim():
        case 3:
            return " Grey images need a dimension for the channel: x[:, None]."
        case 1:
            return " Give numbers a dimension of their own: x[:, None]."
        case _:
            return ""
