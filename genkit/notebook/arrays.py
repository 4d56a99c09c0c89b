"""Arrays and tensors of a user, converted to the tensors that genkit computes with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.errors import UsageError, warn_user

INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8, torch.uint16, torch.uint32, torch.uint64)
MOST_CLASSES = 2**20
FAR = 0.5  # outside [0, 1], without a warning


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
        expected = ", ".join(map(str, ("n", *shape)))
        remedy = _remedy_of_input(tuple(x.shape), shape, "permute" if isinstance(given, Tensor) else "transpose")
        raise UsageError(f"{where}: found the shape {tuple(x.shape)}, expected ({expected}).{remedy}")
    if x.dtype == torch.uint8:
        return (x.to(torch.float32) / 255).to(dtype)
    return _floats(x, dtype, where, isinstance(given, Tensor))


def codes_tensor(given: Any, latent_dim: int, dtype: torch.dtype, where: str) -> Tensor:
    """Return codes, (n, L), in the dtype of a network. Raises `UsageError`, also for integers."""
    x = as_tensor(given, where)
    if not x.is_floating_point():
        raise UsageError(f"{where}: found {x.dtype}, expected codes as floats, such as those of `encode`.")
    return inputs_tensor(x, (latent_dim,), dtype, where)


def warn_of_range(x: Tensor, where: str) -> None:
    """Warn if images, (N, C, H, W), are far outside [0, 1], the range of what models of images are trained on.

    It is no error: images with noise are a little outside, and those of an attack may be anywhere.
    """
    if x.dim() == 4 and x.shape[1] in (1, 3) and len(x):
        low, high = x.min().item(), x.max().item()
        if low < -FAR or high > 1 + FAR:
            remedy = "Divide them by 255, or give uint8" if low >= 0 and high <= 255 else "Scale them to [0, 1]"
            warn_user(f"{where}: images have values from {low:g} to {high:g}; the model takes [0, 1]. {remedy}.")


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
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        return torch.from_numpy(np.require(native, requirements=["C", "W"]))  # torch would warn of a read-only array
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


def _remedy_of_input(found: tuple[int, ...], shape: tuple[int, ...], move: str) -> str:
    """Return how an input of the shape `found` gets the shape (n, *shape); empty where nothing is known."""
    if found == shape:
        return " Add a dimension for a single one: x[None]."
    if len(shape) != 3:
        return ""
    last = (*shape[1:], shape[0])  # channels last, as in pictures of PIL
    remedies = {
        shape[1:]: "Add dimensions: x[None, None]" if shape[0] == 1 else "",
        (*found[:1], *shape[1:]): "Add a dimension for the channel: x[:, None]" if shape[0] == 1 else "",
        last: f"Move the channels, and add a dimension: x.{move}(2, 0, 1)[None]",
        (*found[:1], *last): f"Move the channels: x.{move}(0, 3, 1, 2)",
    }
    return f" {remedies.get(found) or '`read_pictures` reads files of pictures, of any size'}."


def _remedy(x: Tensor) -> str:
    match x.dim():
        case 3:
            return " Grey images need a dimension for the channel: x[:, None]."
        case 1:
            return " Give numbers a dimension of their own: x[:, None]."
        case _:
            return ""
