"""Parallel work on pictures: a map over threads that returns its results in order."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

QUEUED_PER_WORKER = 4  # items that are submitted before their results are read


def available_cores() -> int:
    """Return the number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int | None = None
) -> Generator[Result]:
    """Yield ``work(item)`` for each item, in order; close the generator to stop early.

    One thread per available core computes a few results ahead of the reader. Threads suffice: Pillow releases the GIL
    while it decodes and resizes. An exception of `work` is raised when its result is due.
    """
    workers, waiting = workers or available_cores(), iter(items)
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
