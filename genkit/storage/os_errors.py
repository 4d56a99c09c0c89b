"""Causes of failed reads and writes, as text for the user."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from genkit.console.quantities import quantity
from genkit.errors import Unreadable

FULL = (errno.ENOSPC, errno.EDQUOT)  # the disk or the quota is full
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)  # there is no file of this name


def unreadable(path: Path, error: OSError) -> Unreadable:
    """Return the error for a file or folder that exists and cannot be read.

    Its content may be intact, so the remedy never is to delete it.
    """
    return Unreadable(
        f"{path}: cannot be read: {describe_os_error(error, path)}. Check its permissions and its disk, and repeat the "
        "command; nothing has been changed."
    )


def describe_os_error(error: OSError, place: Path) -> str:
    """Return the cause of an `OSError` at `place`; for a full disk with the space that is free. Never empty."""
    if error.errno not in FULL:
        return error.strerror or str(error) or type(error).__name__
    return f"the disk is full ({free(place)} free in {_nearest(place)})"


def free(place: Path) -> str:
    """Return the free space on the disk of `place`, which need not exist: ``12.3 GB``."""
    return quantity(shutil.disk_usage(_nearest(place)).free, "B")


def why_unwritable(folder: Path) -> str:
    """Return why files cannot be written to a folder, which need not exist yet; empty if they can be."""
    nearest = next((above for above in (folder, *folder.parents) if os.path.exists(above)), _nearest(folder))
    if nearest == Path():
        nearest = nearest.absolute()
    if not nearest.is_dir():
        return f"{nearest} is a file, not a folder"
    return "" if os.access(nearest, os.W_OK | os.X_OK) else f"no permission to write to {nearest}"


def _nearest(place: Path) -> Path:
    """Return `place`, or the nearest folder above it that exists."""
    absolute = place.absolute()
    # os.path.exists, because Path.exists raises PermissionError in a folder that cannot be read.
    return next(above for above in (absolute, *absolute.parents) if os.path.exists(above))
