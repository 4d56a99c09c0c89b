"""Cache folder for prepared pictures and features. genkit computes them again if they are deleted."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Return ``$GENKIT_CACHE`` if it is set, otherwise the folder ``genkit`` in the user's cache folder."""
    if given := os.environ.get("GENKIT_CACHE"):
        return Path(given).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "genkit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "genkit" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genkit"
