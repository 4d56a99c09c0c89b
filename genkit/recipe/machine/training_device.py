"""The device that a training on this machine takes: the accelerator, unless the launcher asks for the CPU."""

from __future__ import annotations

from typing import NamedTuple

import torch

from genkit.errors import UsageError
from genkit.launched import CPU, is_cpu_asked_for

AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs with TF32 and bfloat16


class Device(NamedTuple):
    """The device that a process of a training takes."""

    kind: str  # "cpu", "cuda", "mps", ...
    name: str  # for a message
    tf32: bool = False
    bf16: bool = True


def device_kind() -> str:
    """Return the kind of the device, such as "cpu" or "cuda". Raises `UsageError` as `is_cpu_asked_for` does."""
    if is_cpu_asked_for() or not torch.accelerator.is_available():
        return "cpu"
    accelerator = torch.accelerator.current_accelerator()
    return "cpu" if accelerator is None else accelerator.type


def check_device_of(process: int, asked_by: str) -> None:
    """Raise `UsageError` if this machine has no device for the process of this number, from 0.

    `asked_by` is what has started it, such as ``--processes 2``.
    """
    if device_kind() == "cpu":
        return
    devices = torch.accelerator.device_count()
    if process >= devices:
        found = f"{devices} GPU" + "s" * (devices != 1)
        raise UsageError(
            f"{asked_by}: each process needs a GPU of its own, and this machine has {found}. Start {devices} or fewer, "
            f"or train on the CPU with the environment variable {CPU}=true."
        )


def training_device() -> Device:
    """Return the device. Raises `UsageError` as `is_cpu_asked_for` does."""
    kind = device_kind()
    if kind == "cpu":
        return Device(kind, f"the CPU, because of {CPU}" if is_cpu_asked_for() else "the CPU")
    if kind != "cuda":
        return Device(kind, kind)
    return Device(
        kind,
        torch.cuda.get_device_name(),
        tf32=torch.version.cuda is not None and torch.cuda.get_device_capability() >= AMPERE,
        bf16=torch.cuda.is_bf16_supported(including_emulation=False),
    )
