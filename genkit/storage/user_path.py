"""Paths that a user gives: in a recipe, as an option, or in a call from Python."""

from __future__ import annotations

import os
import re
from os import PathLike
from pathlib import Path

from genkit.errors import UsageError

MOST_BYTES_OF_NAME, MOST_BYTES = 255, 4095  # the limits of Linux; those of other systems are close
ADDRESS = re.compile(r"(file|https?|[A-Za-z][\w+.-]+(?=://)):/")  # a `Path` has one slash of ://
SHOWN = 60  # characters of a path that is too long


def user_path(given: str | PathLike[str]) -> Path:
    """Return a path that a user gave, with ``~`` expanded. The file need not exist.

    Raises `UsageError`, which begins with the path, for a path that no file can have, for a home folder that is
    unknown, for an empty text, such as that of a variable that is not set, and for what is neither text nor path. So
    is the address of a page or file, such as ``https://x``, unless there is a folder ``https:``.
    """
    if not isinstance(given, (str, PathLike)):
        raise UsageError(f"{given!r}: not a path, but {type(given).__name__}. Give a text or a pathlib.Path.")
    if given == "":
        raise UsageError('"": an empty path. Give a name, or . for the working folder.')
    path = Path(given)
    text = str(path)
    if (scheme := ADDRESS.match(str(given))) and not os.path.lexists(path.parts[0]):
        slashes = ":///" if scheme[1] == "file" else "://"
        typed = given if isinstance(given, str) else text.replace(":/", slashes, 1)  # a `Path` keeps one slash
        raise UsageError(f"{typed}: an address, not a path. {_instead_of(scheme[1].lower())}")
    if "\0" in text:
        raise UsageError(f"{text}: a path with a NUL character. Remove it.")
    if len(os.fsencode(text)) > MOST_BYTES or any(len(os.fsencode(name)) > MOST_BYTES_OF_NAME for name in path.parts):
        raise UsageError(
            f"{text[:SHOWN]}...: a path of {len(text):,} characters. A name has at most {MOST_BYTES_OF_NAME} bytes and "
            f"a path {MOST_BYTES:,}."
        )
    try:
        return path.expanduser()
    except RuntimeError:  # HOME is not set, or there is no such user
        raise UsageError(
            f"{text}: the home folder of {path.parts[0]} is unknown. Write the path without {path.parts[0]}."
        ) from None


def _instead_of(scheme: str) -> str:
    """Return what to give in place of an address."""
    if scheme == "file":
        return "Give a path without file://."
    return "Download it, and give the path of the file or folder. A model on the hub has the name ORG/NAME."
