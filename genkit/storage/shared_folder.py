"""Folder of a cache that several processes fill, also those of several users: locks, and leftovers of killed processes.

The lock of ``NAME`` or ``NAME.f32`` is ``NAME.lock``. A process holds it while it writes the file or folder under its
partial name.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout


def lock_of(path: Path) -> FileLock:
    """Return the lock of a file or folder, or of its partial one; other users of the folder may take it, too."""
    return FileLock(path.with_name(path.name.removeprefix(".").partition(".")[0] + ".lock"), mode=0o666)


def delete_leftovers(folder: Path) -> None:
    """Delete the partial files and folders of killed processes.

    A process that still writes holds its lock. What cannot be deleted is left, such as a leftover of another user.
    """
    for partial in folder.glob("*.partial"):
        with suppress(Timeout, OSError), lock_of(partial).acquire(timeout=0):
            if partial.is_dir():
                shutil.rmtree(partial)
            else:
                partial.unlink(missing_ok=True)
