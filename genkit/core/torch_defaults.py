"""Defaults of torch that decide what code computes: the default dtype, the default device, and the gradient mode.

A program that calls genkit, or a module that it imports, may have changed them. Networks would then be built in another
dtype or on another device, and equal recipes would give different weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
import torch._functorch.config as functorch_config


def default_device() -> torch.device:
    """Return the device of new tensors; `torch.get_default_device` of torch 2.6 fails once the default was reset."""
    return torch.empty(0).device


def changed_defaults() -> list[str]:
    """Return which defaults differ from those of torch, in words."""
    found = []
    if torch.get_default_dtype() != torch.float32:
        found.append(f"the default dtype to {torch.get_default_dtype()}")
    if default_device().type != "cpu":
        found.append(f'the default device to "{default_device()}"')
    if not torch.is_grad_enabled() or torch.is_inference_mode_enabled():
        found.append("the gradients off")
    return found


def reset_defaults() -> None:
    """Set the defaults to those of torch."""
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)


def keep_compiled_graphs() -> None:
    """Let the graph of a compiled network be run backward more than once, with `retain_graph`.

    torch's error names this setting and no public one. `standard_defaults` restores it.
    """
    functorch_config.donated_buffer = False


@contextmanager
def standard_defaults() -> Iterator[None]:
    """Run the block with torch's own defaults, then restore those of the program."""
    before = torch.get_default_dtype()
    # A run sets these.
    products = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    donated_buffer = functorch_config.donated_buffer
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as stack:
            if default_device().type != "cpu":  # it costs a little time in every call of torch
                stack.enter_context(torch.device("cpu"))
            if torch.is_autocast_enabled("cpu"):
                stack.enter_context(torch.autocast("cpu", enabled=False))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            yield
    finally:
        torch.set_default_dtype(before)
        torch.set_float32_matmul_precision(products[0])
        torch.backends.cudnn.allow_tf32 = products[1]
        functorch_config.donated_buffer = donated_buffer
