"""Which files exist. `Path.glob` takes a folder that cannot be read for an empty one; these functions refuse it."""

from __future__ import annotations

import os
from pathlib import Path

from genkit.storage.os_errors import unreadable


def names_in(folder: Path) -> list[str]:
    """Return the sorted names in a folder; none if it does not exist. Raises `UsageError` if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except OSError as error:
        # A link without its target is a disk that is not mounted, not an empty folder.
        if isinstance(error, FileNotFoundError) and not os.path.islink(folder):
            return []
        raise unreadable(folder, error) from None


def exists(path: Path) -> bool:
    """Return whether a file or folder exists. Raises `UsageError` if this cannot be found out."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unreadable(path, error) from None
    return True
