"""The process group: the processes that a launcher started, joined by HF Accelerate.

genkit takes nothing but the group and `ACCELERATE_USE_CPU` from the environment; the recipe decides everything else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs, str_to_bool

from genkit.engine.host_accelerate import forget_group, forget_precision
from genkit.errors import UsageError
from genkit.launched import announced_size, check_announced

ACCELERATE_PRECISION = {"fp32": "no", "tf32": "no", "fp64": "no", "bf16": "bf16", "fp16": "fp16"}

# How long a process waits for the others: the main process may evaluate for hours. A crash is noticed at once anyway,
# through the closed connections and by the launcher.
PATIENCE = timedelta(days=7)

REMEDY = "Start several processes with `genkit run RECIPE --processes N`."


def join_group(precision: str) -> Accelerator:
    """Return the Accelerator of this process. Raises `UsageError` if the announced processes cannot form a group."""
    forget_precision()  # one process may train several recipes, in different precisions
    announced = announced_size()
    check_announced()
    _refuse_other_engines()
    # Without an accelerator, several processes form a group only with `cpu=True`.
    on_cpu = _is_cpu_asked_for() or not torch.accelerator.is_available()
    try:
        with _hidden_from_accelerate(announced):
            accelerator = Accelerator(
                cpu=on_cpu,
                mixed_precision=ACCELERATE_PRECISION[precision],
                # The plugin, because the environment would win over the plain number, and divide the loss.
                gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
                dynamo_backend="no",
                kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
            )
    except (ValueError, RuntimeError) as error:
        forget_group()
        raise UsageError(f"the {announced} processes could not form a group: {error}. {REMEDY}") from error
    if announced != accelerator.num_processes:
        raise UsageError(
            f"the launcher announced {announced} processes, but this group has {accelerator.num_processes}: each "
            f"process would train alone and write to the same run folder. {REMEDY}"
        )
    return accelerator


def _is_cpu_asked_for() -> bool:
    """Return whether the one setting of Accelerate that genkit obeys is set. Raises `UsageError` for another value."""
    value = os.environ.get("ACCELERATE_USE_CPU", "false")
    try:
        return bool(str_to_bool(value))
    except ValueError:
        raise UsageError(
            f"ACCELERATE_USE_CPU={value}: expected true or false. Unset this environment variable."
        ) from None


@contextmanager
def _hidden_from_accelerate(size: int) -> Iterator[None]:
    """Hide the settings of Accelerate, and of a process on its own what looks as if a launcher had started it."""
    alone = ("RANK", "LOCAL_RANK", "WORLD_SIZE") if size == 1 else ()
    names = [name for name in os.environ if name.startswith("ACCELERATE_") or name in alone]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _refuse_other_engines() -> None:
    """Raise `UsageError` if a variable would make Accelerate train in another way than the recipe states."""
    for name in ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM", "ACCELERATE_TORCH_DEVICE"):
        value = os.environ.get(name, "")
        if value.lower() not in ("", "0", "false", "no"):
            raise UsageError(f"{name}={value}: genkit trains with its own engine. Unset this environment variable.")
