"""Places that an option names for new files, refused before a command works, not when its results are ready."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from genkit.errors import UsageError
from genkit.storage.os_errors import why_unwritable
from genkit.storage.user_path import user_path


@cache
def folder_to_write(option: str) -> Callable[[str], Path]:
    """Return the parser of an option that names a folder to write to, which need not exist."""

    def parse(given: str) -> Path:
        folder = user_path(given)
        refuse_unwritable(option, folder, folder)
        return folder

    return parse


def refuse_unwritable(option: str, given: Path, folder: Path) -> None:
    """Raise `UsageError`, which names the option and what was `given`, if files cannot be written to the folder.

    It is also raised if something above the folder is a file.
    """
    if reason := why_unwritable(folder):
        raise UsageError(f"{option} {given}: cannot be written: {reason}. Choose another place with {option}.")
