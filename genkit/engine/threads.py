"""Number of threads of a training on the CPU: one for a small step, all cores for a large one.

The threads of a product of matrices wait for each other by spinning. In a small step they gain little, and beside other
busy processes they slow it down, by up to a hundred times (measured: `python -m benchmarks.threads`).
"""

from __future__ import annotations

import os
from typing import NamedTuple

import torch

from genkit.core.cores import available_cores
from genkit.recipe.machine.training_device import device_kind
from genkit.recipe.plan import Plan

SMALL_STEP = 2e9  # FLOP; two threads were at most a tenth faster at .6e9, and 1.5 times as fast at 4.7e9
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # read by torch; launchers of several processes set the first


class Threads(NamedTuple):
    """A number of threads, and what decided it."""

    number: int
    why: str


def choose_threads(plan: Plan, asked: int | None = None, processes: int = 1) -> Threads:
    """Return the number of threads to train with, of each of several processes that a command starts.

    `asked` is the option of the user; an environment variable comes next, then the size of a step. The number depends
    on nothing that changes between a run and its resume on one machine, because the bits of a run depend on it.
    """
    if asked is not None:
        return Threads(asked, "--threads")
    for name in VARIABLES:
        if os.environ.get(name):
            return Threads(torch.get_num_threads(), name)
    if processes > 1:
        return Threads(1, "one for each process; --threads changes it")
    if device_kind() == "cuda":
        return Threads(torch.get_num_threads(), "all cores")
    if plan.dry_run.flops < SMALL_STEP:
        return Threads(1, "a small step is best with one thread; --threads changes it")
    return Threads(torch.get_num_threads(), "all cores; --threads changes it")


def remark_on_cores(threads: int, processes: int) -> str:
    """Return a remark if the threads of all processes on this machine are more than its cores; otherwise empty."""
    if threads * processes <= (available := available_cores()):
        return ""
    threads_text = f"{threads} thread{'s' * (threads != 1)}"
    asked = f"{processes} processes with {threads_text} each" if processes > 1 else threads_text
    return (
        f"{asked} on {available} core{'s' * (available != 1)}: they wait for each other, and the run takes longer. Use "
        f"{'fewer --processes or ' * (processes > 1)}fewer --threads."
    )
