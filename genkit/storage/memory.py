"""Memory of this machine."""

from __future__ import annotations

import os


def physical_memory() -> int | None:
    """Return the memory of this machine in bytes; None if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
