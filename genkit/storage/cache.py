"""Cache folder for prepared pictures and features. genkit computes them again if they are deleted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from genkit.errors import UsageError
from genkit.storage.user_path import user_path


def cache_folder() -> Path:
    """Return ``$GENKIT_CACHE`` if it is set, otherwise the folder ``genkit`` in the user's cache folder.

    Raises `UsageError` if neither is known.
    """
    try:
        if given := os.environ.get("GENKIT_CACHE"):
            return user_path(given).absolute()
        return _users_cache()
    except UsageError as error:
        raise UsageError(f"the environment variable GENKIT_CACHE: {error}") from None
    except RuntimeError:  # HOME is not set, and the user has no name
        raise UsageError(
            "the cache of genkit cannot be written: the home folder of this user is unknown. "
            "Set the environment variable GENKIT_CACHE to a folder."
        ) from None


def _users_cache() -> Path:
    """Return the folder of genkit among the caches of the user. Raises `RuntimeError` if the home folder is unknown."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "genkit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "genkit" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genkit"
