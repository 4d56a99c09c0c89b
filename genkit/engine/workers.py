"""Number of worker processes that load the data of a training. It does not change the result.

A worker takes a core, so by default there is one only where it makes up for it: a stream decodes its pictures, and a
GPU leaves the cores idle. Reading prepared pictures is a copy of bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from genkit.core.cores import available_cores
from genkit.core.dataset import FingerprintedSource
from genkit.engine.data_workers import FORK
from genkit.engine.loading import is_drawn
from genkit.launched import local_size
from genkit.recipe.machine.training_device import device_kind
from genkit.recipe.plan import Plan

MOST_BESIDE_GPU = {False: 2, True: 4}  # of each process; True: for a stream. Each of them decodes with several threads


class Workers(NamedTuple):
    """A number of worker processes, of each process that trains, and what decided it."""

    number: int
    why: str


def choose_workers(plan: Plan, threads: int, asked: int | None = None, processes: int | None = None) -> Workers:
    """Return the number of worker processes of a training with this number of threads.

    `asked` is the option of the user. `processes` is the number that a command starts on this machine; by default the
    number that a launcher has started.
    """
    if is_drawn(plan.data):
        return Workers(0, "a density reads no data")
    if asked is not None:
        return Workers(asked, "--workers")
    if FORK is None:
        return Workers(0, "this system cannot fork processes; --workers changes it")
    free = available_cores() // (processes or local_size()) - threads
    stream = isinstance(plan.data, FingerprintedSource)
    if device_kind() == "cuda":
        return Workers(max(1, min(MOST_BESIDE_GPU[stream], free + threads - 1)), "beside a GPU; --workers changes it")
    if not stream:
        return Workers(0, "reading takes little time; --workers changes it")
    if free > 0:
        return Workers(1, "decodes pictures on a free core; --workers changes it")
    return Workers(0, "no core is free; --workers changes it")
