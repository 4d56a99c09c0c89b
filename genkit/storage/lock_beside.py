"""Lock beside a file of the user, which leaves no lock file behind.

A lock file that is deleted breaks a lock, if another process has opened it before and waits for it: that process gets
the lock of a file that has no name any more, and a third one that of a new file. So whoever gets the lock compares the
file that it has opened with the file of that name, and begins again if they differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock


@contextmanager
def lock_beside(path: Path) -> Iterator[None]:
    """Wait for the lock of a file, ``.NAME.lock`` in its folder, and hold it for the length of the block.

    It excludes threads and processes, and the system releases it when a process is killed. Raises `OSError` where no
    lock can be made.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        import fcntl
    except ImportError:  # on Windows nobody deletes an open file, and filelock deletes its own
        with FileLock(lock):
            yield
        return
    opened = None
    while opened is None:
        opened = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
        except BaseException:
            os.close(opened)
            raise
        if not _has_name(opened, lock):  # another process has deleted it in the meantime
            os.close(opened)
            opened = None
    try:
        yield
    finally:
        with suppress(OSError):  # it stays where files cannot be deleted, and is used again
            lock.unlink()
        os.close(opened)


def _has_name(opened: int, path: Path) -> bool:
    """Return whether a path leads to this open file."""
    try:
        return os.path.samestat(os.fstat(opened), os.stat(path))
    except FileNotFoundError:
        return False
