"""Parallel work on pictures: a map over threads that returns its results in order."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from torch.utils.data import get_worker_info

from genkit.core.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

QUEUED_PER_WORKER = 4  # items that are submitted before their results are read


def usable_threads() -> int:
    """Return the number of threads for pictures in this process: a worker of a training has its share of the cores."""
    info = get_worker_info()
    return max(1, available_cores() // (1 if info is None else info.num_workers))


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Generator[Result]:
    """Yield ``work(item)`` for each item, in order; close the generator to stop early.

    One thread per core (`usable_threads`) computes a few results ahead of the reader. Threads suffice: Pillow releases
    the GIL while it decodes and resizes. An exception of `work` is raised when its result is due.
    """
    workers, waiting = workers or usable_threads(), iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pictures")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of Pillow about single pictures; the filter applies to all threads
        try:
            ahead = deque(pool.submit(work, item) for item in islice(waiting, QUEUED_PER_WORKER * workers))
            while ahead:
                result = ahead.popleft().result()
                ahead.extend(pool.submit(work, item) for item in islice(waiting, 1))
                yield result
        finally:
            pool.shutdown(cancel_futures=True)
