"""The project that a folder or a file belongs to, for a user who names it in place of a plugin."""

from __future__ import annotations

import os
import shlex
import tomllib
from pathlib import Path

from genkit.hooks import ENTRY_POINT_GROUP

PROJECT = "pyproject.toml"


def how_to_check_folder(path: Path) -> str:
    """Return how to check the plugin whose project a path is in: the commands, or what its project lacks."""
    for folder in (path.resolve(), *path.resolve().parents):
        if (folder / PROJECT).is_file():
            break
    else:
        return f"Neither it nor a folder above has a {PROJECT}: `genkit plugins new NAME` writes a package"
    shown = str(folder) if path.is_absolute() else os.path.relpath(folder)
    if names := _plugins_of(folder / PROJECT):
        return f"Install its package, `pip install -e {shlex.quote(shown)}`, then `genkit plugins check {names[0]}`"
    return (
        f"Add [project.entry-points.{ENTRY_POINT_GROUP}] to {os.path.join(shown, PROJECT)}, install the package, "
        f"`pip install -e {shlex.quote(shown)}`, and give the name of its plugin"
    )


def _plugins_of(project: Path) -> list[str]:
    """Return the names of the plugins that a project declares; none for a file that cannot be read."""
    try:
        declared = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["entry-points"][ENTRY_POINT_GROUP]
        return [*declared]
    except (OSError, ValueError, KeyError, TypeError):  # a wrong file is reported by pip
        return []
