"""Copies of small tensors to the device that do not wait for it.

A plain ``tensor.to("cuda")`` waits until the device has computed everything that it was given before. With
`non_blocking`, CUDA takes the bytes of a small tensor at once, so the tensor may be changed or freed after the call:
https://docs.nvidia.com/cuda/cuda-runtime-api/api-sync-behavior.html. Other devices copy as they do by default.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(x: Tensor, device: torch.device, dtype: torch.dtype | None = None) -> Tensor:
    """Return `x`, from main memory, on a device, in its dtype or another."""
    return x.to(device, dtype or x.dtype, non_blocking=device.type == "cuda")
