"""Memory of this machine."""

from __future__ import annotations

import os

from genkit.console.quantities import quantity


def physical_memory() -> int | None:
    """Return the memory of this machine in bytes; None if the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


def lack_of_memory(needed: int) -> str:
    """Return ``1.02 TB, and this machine has 25 GB of memory``; empty if `needed` bytes fit, or nothing is known."""
    memory = physical_memory()
    if memory is None or needed <= memory:
        return ""
    return f"{quantity(needed, 'B')}, and this machine has {quantity(memory, 'B')} of memory"


def amount_of_memory(needed: int) -> str:
    """Return ``1.02 TB, and this machine has 25 GB of memory``; the first half if `needed` bytes could fit."""
    return lack_of_memory(needed) or quantity(needed, "B")
