"""Precisions that the device of a training does not have."""

from __future__ import annotations

from genkit.launched import CPU
from genkit.recipe.machine.training_device import training_device


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
    return f'[train] precision: "{precision}" needs {needs}, and this machine trains on {device.name}. Use {instead}.'
