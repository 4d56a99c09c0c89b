"""Lock of a run folder: only one process, or one group of processes, trains a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

HOW_TO_WRITE = "Make the run folder writable, or copy it to a place that is, and repeat the command."


@contextmanager
def run_lock(folder: Path, unwritable: str) -> Iterator[None]:
    """Lock a run for this process. The operating system releases the lock if the process is killed.

    `unwritable` says why the run cannot write to its folder; it is empty if it can. Raises `UsageError` if it cannot,
    or if another process holds the lock.
    """
    if unwritable:
        raise UsageError(f"{folder}: cannot be written: {unwritable}. {HOW_TO_WRITE}")
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(f"{folder}: in use by another process. Wait until it ends, or stop it.") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {describe_os_error(error, folder)}. {HOW_TO_WRITE}") from None
    try:
        yield
    finally:
        lock.release()
