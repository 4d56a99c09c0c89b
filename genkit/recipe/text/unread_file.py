"""The error for a TOML file that cannot be read: why, and which file or shipped name may have been meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from genkit.errors import UsageError
from genkit.near_miss import closest
from genkit.recipe.text.shipped import shipped_recipes, shipped_spaces, shipped_tables


class ShippedKind(NamedTuple):
    """A kind of files that genkit ships."""

    names: Callable[[], Mapping[str, str]]  # titles by name
    exact: str  # what helps if the file has the name of a shipped one, NAME
    unknown: str  # what helps otherwise


RECIPE = ShippedKind(
    shipped_recipes,
    "`genkit recipes copy NAME` copies the recipe of that name that genkit ships.",
    "`genkit recipes` lists the recipes that genkit ships.",
)
SPACE = ShippedKind(
    shipped_spaces,
    "`genkit tune RECIPE --space NAME` searches the space of that name that genkit ships.",
    "`genkit recipes` lists the spaces that genkit ships.",
)
TABLE = ShippedKind(
    shipped_tables,
    "`genkit table show NAME` prints the table of that name that genkit ships.",
    "`genkit recipes` lists the tables that genkit ships.",
)


def unread(path: Path, error: OSError, kind: ShippedKind) -> UsageError:
    """Return the error for a file that the system does not give; a file of that kind was wanted."""
    if os.path.isdir(path):
        return UsageError(f"{path}: a folder, expected a TOML file. {remedy(path, kind)}")
    if not isinstance(error, FileNotFoundError):
        return UsageError(f"{path}: cannot be read: {error.strerror}. {remedy(path, kind)}")
    meant = "" if _shipped_as(path) else _near(path, kind)
    return UsageError(f"{path}: not found. {meant or remedy(path, kind)}")


def remedy(path: Path, kind: ShippedKind) -> str:
    """Return what helps a user whose file is not of the wanted kind, or cannot be read."""
    shipped = _shipped_as(path)
    return shipped.exact.replace("NAME", path.stem) if shipped else kind.unknown


def _shipped_as(path: Path) -> ShippedKind | None:
    return next((kind for kind in (RECIPE, SPACE, TABLE) if path.stem in kind.names()), None)


def _near(path: Path, kind: ShippedKind) -> str:
    """Return the question for a file of the same folder, or a shipped name of that kind; empty if none is close."""
    written: dict[str, list[str]] = {}  # how each name is written in a command
    for file in sorted(path.parent.glob("*.toml")):
        written.setdefault(file.stem, []).append(str(file))
    for name in kind.names() if path.parent == Path() or not path.suffix else ():
        written.setdefault(name, []).append(name)
    found = [each for name in closest(path.stem, written) for each in written[name]]
    return f"Did you mean {' or '.join(found)}?" if found else ""
