"""Why a file could not be read or written, in words: an `OSError` may have none, or leave out what a person needs."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from genkit.console.quantities import quantity

FULL = (errno.ENOSPC, errno.EDQUOT)


def describe_os_error(error: OSError, place: Path) -> str:
    """Return what went wrong at `place`; of a full disk also how much is free on it."""
    if error.errno not in FULL:
        return error.strerror or str(error) or type(error).__name__
    return f"the disk is full ({free(place)} free in {_nearest(place)})"


def free(place: Path) -> str:
    """Return how much is free where `place` is, or would be: ``12.3 GB``."""
    return quantity(shutil.disk_usage(_nearest(place)).free, "B")


def why_unwritable(folder: Path) -> str:
    """Return why nothing can be written in a folder, which need not be there yet; empty if it can be."""
    there = _nearest(folder)
    if not there.is_dir():
        return f"{there} is a file"
    return "" if os.access(there, os.W_OK | os.X_OK) else f"{there} is not for you to write in"


def _nearest(place: Path) -> Path:
    """Return the place, or the innermost folder above it that is there."""
    absolute = place.absolute()
    return next(above for above in (absolute, *absolute.parents) if os.path.exists(above))  # where one may look
