"""Lock of a run folder: only one process, or one group of processes, trains a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genkit.errors import UsageError
from genkit.storage.os_errors import describe_os_error

LOCK = ".lock"
GRACE = 0.2  # seconds to wait for a lock: `is_locked` holds it for a moment
HOW_TO_WRITE = "Make the run folder writable, or copy it to a place that is, and repeat the command."


@contextmanager
def run_lock(folder: Path, unwritable: str) -> Iterator[None]:
    """Lock a run for this process. The operating system releases the lock if the process is killed.

    `unwritable` says why the run cannot write to its folder; it is empty if it can. Raises `UsageError` if it cannot,
    or if another process holds the lock.
    """
    if unwritable:
        raise UsageError(f"{folder}: cannot be written: {unwritable}. {HOW_TO_WRITE}")
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=GRACE, poll_interval=GRACE / 10)
    except Timeout:
        raise UsageError(f"{folder}: in use by another process. Wait until it ends, or stop it.") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {describe_os_error(error, folder)}. {HOW_TO_WRITE}") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process trains the run, without waiting. Nothing is written; a run that cannot be read is not.

    A shared lock is refused while a training holds its exclusive one, and two processes that ask do not see each other.
    """
    try:
        import fcntl  # not on Windows
    except ImportError:
        return _is_refused(folder)
    try:
        # A named pipe of this name would be waited for: for ever, if nobody writes to it.
        opened = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    except OSError:  # a file system without such locks
        return False
    finally:
        os.close(opened)


def _is_refused(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    try:
        with suppress(OSError), FileLock(folder / LOCK, timeout=0):
            pass
    except Timeout:
        return True
    return False
