"""Paths of the exporter's machine, which an exported folder must not name: only the last name of each is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from genkit.recipe.text.nested import flatten

# A path within a longer text: from the root, from a home folder or out of the working folder, with two names or more.
# The address of a site has a host after its two slashes, and is no path; that of a file has none.
WITHIN_TEXT = re.compile(r"(?<![\w./~-])(?:file://|~[\w.-]*|\.\.)?/[^\s/,;:'\"()]+(?:/[^\s/,;:'\"()]+)+/?")


def without_places(value: Any) -> Any:
    """Return a value of a recipe or of JSON, in which each path that leads out of the working folder is a name.

    ``/home/ada/data/faces`` becomes ``faces``. A relative path, such as ``data/faces``, stays as it is.
    """
    if isinstance(value, Mapping):
        return {key: without_places(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_places(inner) for inner in value]
    return _named(value) if isinstance(value, str) else value


def shortened_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys of a recipe that `without_places` has changed."""
    shortened = dict(flatten(after))
    return [key for key, value in flatten(before) if shortened[key] != _as_lists(value)]


def _named(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # bytes that are not UTF-8 belong to a path of this machine
    path = PurePosixPath(text)
    if path.is_absolute() or text.startswith("~") or ".." in path.parts:
        return path.name
    for folder in sorted({str(Path.cwd()), str(Path.home())} - {"/"}, key=len, reverse=True):
        text = text.replace(f"{folder}/", "~/")  # a name with a space ends a path within a text
    return WITHIN_TEXT.sub(lambda found: PurePosixPath(found[0]).name, text)


def _as_lists(value: Any) -> Any:
    return [_as_lists(inner) for inner in value] if isinstance(value, (list, tuple)) else value
