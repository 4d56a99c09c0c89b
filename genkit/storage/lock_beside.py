"""Lock beside a file of the user, which leaves no lock file behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock


@contextmanager
def lock_beside(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Wait for the lock of a file, ``.NAME.lock`` in its folder, and hold it for the length of the block.

    It excludes threads and processes, and the system releases it when a process is killed. Raises `OSError` where no
    lock can be made, and `filelock.Timeout`, unless it may `wait`, if somebody else holds the lock.
    """
    lock = path.with_name(f".{path.name}.lock")
    with FileLock(lock, timeout=-1 if wait else 0):
        try:
            yield
        finally:
            with suppress(OSError):  # it stays where an open file cannot be deleted, and is used again
                lock.unlink()  # while it is held: who gets the lock of a deleted file begins again
