"""Opening of files that others have made: what is no file is refused, since to read it may never end."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

OTHER_KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def check_regular(path: str | Path) -> None:
    """Raise `OSError` for a pipe, a socket or a device, and where there is no file. Folders are left to the reader."""
    kind = OTHER_KINDS.get(stat.S_IFMT(os.stat(path).st_mode))
    if kind is not None:
        raise OSError(errno.EINVAL, f"{kind}, not a file", str(path))


def open_regular(path: str | Path) -> BufferedReader:
    """Open a file for reading bytes. Raises `OSError`, also for a pipe, a socket or a device."""
    check_regular(path)
    return open(path, "rb")


def read_regular(path: str | Path) -> bytes:
    """Return the bytes of a file. Raises `OSError`, also for a pipe, a socket or a device."""
    with open_regular(path) as file:
        return file.read()
