"""The processes that a launcher has started, as it announces them in environment variables."""

from __future__ import annotations

import os

from genkit.errors import UsageError


def announced_size() -> int:
    """Return the number of processes that a launcher has started; 1 without a launcher.

    Raises `UsageError` if WORLD_SIZE is not a positive integer.
    """
    text = os.environ.get("WORLD_SIZE", "1")
    try:
        size = int(text)
    except ValueError:
        size = 0
    if size < 1:
        raise UsageError(
            f"WORLD_SIZE={text}: expected the number of processes. A launcher sets this environment variable; unset "
            "it, or start several processes with `genkit run RECIPE --processes N`."
        )
    return size


def is_main_process() -> bool:
    """Return whether this process prints for the command: the only process, or the main one of several.

    RANK alone is no sign of several processes: clusters and other programs set it, too. A WORLD_SIZE that is no number
    counts as one process, so that its error is printed.
    """
    try:
        return announced_size() == 1 or os.environ.get("RANK", "0") == "0"
    except UsageError:
        return True
