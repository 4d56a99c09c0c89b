"""The process group: the processes that a launcher started, joined by HF Accelerate.

genkit takes nothing but the group and `ACCELERATE_USE_CPU` from the environment; the recipe decides everything else
(`genkit.recipe.machine.launcher_remarks`).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin, InitProcessGroupKwargs

from genkit.engine.host_accelerate import forget_group, forget_precision
from genkit.errors import UsageError
from genkit.launched import (
    announced_size,
    check_announced,
    hidden_from_accelerate,
    is_main_process,
    is_shown_one_device,
    refuse_other_engines,
)
from genkit.recipe.machine.training_device import check_device_of, device_kind

ACCELERATE_PRECISION = {"fp32": "no", "tf32": "no", "fp64": "no", "bf16": "bf16", "fp16": "fp16"}

# How long the processes wait for each other to start. Machines of a cluster start minutes apart.
JOINING = timedelta(minutes=30)

# How long a process then waits for the others: the main process may evaluate for hours. A crash is noticed at once
# anyway, through the closed connections and by the launcher.
PATIENCE = timedelta(days=7)

_stores: list[Any] = []  # of the groups so far, kept: the main process serves them to the others

REMEDY = "Start several processes with `genkit run RECIPE --processes N`."


def join_group(precision: str) -> Accelerator:
    """Return the Accelerator of this process. Raises `UsageError` if the announced processes cannot form a group."""
    forget_precision()  # one process may train several recipes, in different precisions
    announced = announced_size()
    local_rank = check_announced()
    if announced > 1 and not is_shown_one_device():
        try:
            check_device_of(local_rank, f"LOCAL_RANK={local_rank}")
        except UsageError as error:
            error.alone = True  # the processes that have a device do not know of it
            raise
    refuse_other_engines()
    # Without an accelerator, several processes form a group only with `cpu=True`.
    on_cpu = device_kind() == "cpu"
    try:
        with hidden_from_accelerate(announced):
            accelerator = Accelerator(
                cpu=on_cpu,
                mixed_precision=ACCELERATE_PRECISION[precision],
                # The plugin, because the environment would win over the plain number, and divide the loss.
                gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),
                dynamo_backend="no",
                kwargs_handlers=_how_to_join() if announced > 1 else [],
            )
    except (ValueError, RuntimeError) as error:
        forget_group()
        if announced == 1:
            raise UsageError(f"this process cannot train in {precision}: {error}") from error
        raise _no_group(announced, error) from error
    if announced != accelerator.num_processes:
        raise UsageError(
            f"the launcher announced {announced} processes, but this group has {accelerator.num_processes}: each "
            f"process would train alone and write to the same run folder. {REMEDY}"
        )
    return accelerator


def _how_to_join() -> list[InitProcessGroupKwargs]:
    """Return where the processes find each other: as the environment says, but with a shorter wait."""
    with suppress(RuntimeError):  # registered before
        dist.register_rendezvous_handler("genkit", _join)
    return [InitProcessGroupKwargs(init_method="genkit://", timeout=PATIENCE)]


def _leave() -> None:
    """End the threads of a group that an error has left open: one that runs at the end of the process may abort it.

    On a GPU the group stays: NCCL could wait for operations that the other processes never begin.
    """
    if dist.is_initialized() and dist.get_backend() == "gloo":
        dist.destroy_process_group()


def _join(url: str, timeout: timedelta, **options: Any) -> Iterator[Any]:
    if not _stores:
        atexit.register(_leave)
    for store, rank, size in dist.rendezvous("env://", timeout=min(JOINING, timeout), **options):
        _stores.append(store)
        # A second group of these processes must not find the addresses of the first, whose connections are closed.
        yield dist.PrefixStore(f"genkit/{len(_stores)}", store), rank, size


def _no_group(announced: int, error: Exception) -> UsageError:
    """Return the error of a process that has not found the others."""
    place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
    said = str(error).partition("\n")[0].rstrip(".")
    if "EADDRINUSE" in said or "address already in use" in said.lower():
        why = f"another program uses {place}. Choose a free MASTER_PORT; launchers have an option for it"
    elif isinstance(error, dist.DistError):
        why = f"{said}. All of them must start within {JOINING} and reach the main process at {place}"
    else:
        why = said
    refused = UsageError(f"the {announced} processes could not form a group: {why}. {REMEDY}")
    refused.alone = not is_main_process()  # the main process may not run, and cannot report it
    return refused
