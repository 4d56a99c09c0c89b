"""Lock of a place that is being written, for places that users name: two commands may name the same one."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from genkit.storage.lock_beside import lock_beside


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Hold the lock beside a file or folder for the length of the block, without waiting for it.

    Raises `OSError`, with the reason as its ``strerror``, if another process or thread holds the lock, or if no lock
    can be made.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(lock_beside(path, wait=False))
        except Timeout:
            raise OSError(errno.EBUSY, "another process is writing it") from None
        yield
