"""Precisions that the device of a training does not have."""

from __future__ import annotations

from typing import NamedTuple

import torch

from genkit.launched import CPU, is_cpu_asked_for

AMPERE = (8, 0)  # compute capability of the first NVIDIA GPUs with TF32 and bfloat16


class Device(NamedTuple):
    """The device that a process of a training takes."""

    kind: str  # "cpu", "cuda", "mps", ...
    name: str  # for a message
    tf32: bool = False
    bf16: bool = True


def missing_precision(precision: str) -> str:
    """Return what this machine lacks to train in `precision`, with the remedy; empty if it lacks nothing.

    Raises `UsageError` if the launcher says neither yes nor no about the CPU.
    """
    if precision == "fp32":
        return ""
    device = training_device()
    if precision == "fp16" and device.kind == "cpu":
        needs, instead = "an accelerator", '"fp32" or "bf16"'
    elif precision == "tf32" and not device.tf32:
        needs, instead = "an NVIDIA GPU from Ampere on", '"fp32"'
    elif precision == "bf16" and not device.bf16:
        needs, instead = "a device with bfloat16, such as an NVIDIA GPU from Ampere on", '"fp16" or "fp32"'
    elif precision == "fp64" and device.kind == "mps":
        needs, instead = "a device with float64", f'"fp32", or set {CPU}=true'
    else:
        return ""
    return f'[train] precision = "{precision}" needs {needs}, and this machine trains on {device.name}. Use {instead}.'


def training_device() -> Device:
    """Return the device that a training on this machine takes. Raises `UsageError` as `is_cpu_asked_for` does."""
    if is_cpu_asked_for():
        return Device("cpu", f"the CPU, because of {CPU}")
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if accelerator is None:
        return Device("cpu", "the CPU")
    if accelerator.type != "cuda":
        return Device(accelerator.type, accelerator.type)
    return Device(
        "cuda",
        torch.cuda.get_device_name(),
        tf32=torch.version.cuda is not None and torch.cuda.get_device_capability() >= AMPERE,
        bf16=torch.cuda.is_bf16_supported(including_emulation=False),
    )
