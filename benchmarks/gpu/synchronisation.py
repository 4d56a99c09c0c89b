"""Steps between two logs, watched for operations that let the program wait for the device.

On a GPU torch itself reports each operation that waits. On the CPU nothing waits, but an operation that reads a value
would wait on a GPU, so those are counted.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.gpu.rows import Check, Row, at_most, left_out
from benchmarks.gpu.settings import PRECISIONS, Settings, world_on
from benchmarks.gpu.small import Small, small_cases
from benchmarks.interleaved import with_engine
from genkit.engine.state import initial_state

WARMUP, STEPS = 4, 2  # the first steps compile kernels and fill caches; wgan-gp has two kinds of steps
READS = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "_unique2")


def checks(settings: Settings) -> Iterator[Check]:
    """Yield a check for each case and precision."""
    for case in small_cases(settings, few=settings.tiny):
        for precision in PRECISIONS[:1] if settings.tiny else PRECISIONS:
            yield Check(f"{case.name}, {precision}", partial(count_waits, settings, case, precision))


def count_waits(settings: Settings, case: Small, precision: str) -> Iterator[Row]:
    """Yield the number of operations in a few steps that wait for the device, with their places."""
    if why := settings.refuses(precision):
        yield left_out(case.name, precision, why)
        return
    plan = case.plan(precision)
    with world_on(settings.device, precision) as world:
        state = initial_state(plan, world)
        steps = with_engine(plan, state, world)

        def some(number: int) -> None:
            for _ in range(number):
                terms = next(steps)
                if settings.mistake:
                    float(next(iter(terms.values())))

        some(WARMUP)
        waits = (waits_on_gpu if settings.device == "cuda" else reads_on_cpu)(partial(some, STEPS))
    places = [f"{place}: {number}" for place, number in waits.most_common(5)]
    yield at_most(case.name, precision, waits.total() / STEPS, 0, unit="waits a step", places=places)


def waits_on_gpu(do: Callable[[], None]) -> Counter[str]:
    """Return how often each line of Python waits for the device while `do` runs."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            do()
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return Counter(
        f"{'/'.join(Path(each.filename).parts[-3:])}:{each.lineno}"
        for each in raised
        if "synchronizing CUDA operation" in str(each.message)
    )


def reads_on_cpu(do: Callable[[], None]) -> Counter[str]:
    """Return how often each operation reads a value while `do` runs."""
    with _Reads() as reads:
        do()
    return reads.found


class _Reads(TorchDispatchMode):
    """Counts the operations that read a value of a number, but not of bytes: states of generators are on the CPU.

    It sees no reads within a fused optimiser, which reads on a CPU only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name in READS and args[0].dtype != torch.uint8:
            self.found[name] += 1
        return function(*args, **(kwargs or {}))
