"""Memory-mapped files. Reading beyond the end of a file that was cut short kills the process with SIGBUS, silently."""

from __future__ import annotations

import errno
import os

import numpy as np


def check_mapped(array: np.ndarray) -> None:
    """Raise `OSError` if the file of a memory-mapped array is shorter than the array. Call it before each read.

    The call takes a microsecond. It passes arrays in memory, and files that were deleted: their content stays mapped.
    """
    if not isinstance(array, np.memmap) or array.filename is None:
        return
    try:
        size = os.stat(array.filename).st_size
    except FileNotFoundError:
        return
    needed = array.offset + array.nbytes
    if size < needed:
        cause = f"cut short while in use: {size:,} bytes, expected {needed:,}"
        raise OSError(errno.EIO, cause, str(array.filename))
