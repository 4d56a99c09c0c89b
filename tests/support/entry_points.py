"""Entry points of installed packages, read once for all tests of a process.

Python reads a file of each installed package at every call, in 25 ms. A process makes few calls, the tests of a process
make thousands.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from functools import lru_cache
from typing import Any

read_all = importlib.metadata.entry_points


def remember_entry_points() -> None:
    """Let `importlib.metadata.entry_points` read them again only if `sys.path`, or a folder of it, has changed."""
    importlib.metadata.entry_points = _entry_points


def _entry_points(**selected: Any) -> importlib.metadata.EntryPoints:
    return _read(tuple(map(_state_of, sys.path))).select(**selected)


@lru_cache(maxsize=8)
def _read(places: tuple[tuple[str, int], ...]) -> importlib.metadata.EntryPoints:
    return read_all()


def _state_of(folder: str) -> tuple[str, int]:
    """Return a folder, and the time in ns at which a package was last installed there or removed."""
    try:
        return os.path.abspath(folder), os.stat(folder or ".").st_mtime_ns
    except OSError:
        return folder, 0
