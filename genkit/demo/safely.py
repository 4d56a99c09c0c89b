"""Calls from the page: one at a time, and with errors as texts that the page shows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from genkit.demo.texts import alert
from genkit.errors import reason_of

# One thread: the condition of a model and the global random generators are states that calls would share.
# Not a thread of the server, which waits for its own when it ends.
TURNS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="genkit-demo")
RUNNING: set[Future[Any]] = set()


def shown(function: Callable[..., tuple[Any, ...]], results: int) -> Callable[..., Awaitable[tuple[Any, ...]]]:
    """Return the function with one more result: the message of an error, as HTML; empty without one.

    `results` is the number of its own results; after an error they are None, so that no old picture is taken for new.
    """

    def run(*given: Any) -> tuple[Any, ...]:
        try:
            return (*function(*given), "")
        except Exception as error:  # of a part of a plugin, say: the page stays usable
            return (*(None for _ in range(results)), alert(reason_of(error)))

    async def call(*given: Any) -> tuple[Any, ...]:
        future = TURNS.submit(run, *given)
        RUNNING.add(future)
        future.add_done_callback(RUNNING.discard)
        return await asyncio.wrap_future(future)

    return call


def is_computing() -> bool:
    """Return whether a call is running or waiting, which would keep the process from ending."""
    return bool(RUNNING)
