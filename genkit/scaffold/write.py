"""The folder of a new plugin, written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from genkit.errors import UsageError
from genkit.recipe.installed.registry import Registry
from genkit.scaffold.files import files_of
from genkit.scaffold.kinds import Kind
from genkit.scaffold.names import PluginName
from genkit.scaffold.taken import refuse_taken
from genkit.storage.atomic import new_folder
from genkit.storage.os_errors import describe_os_error


def write_plugin(plugin: PluginName, kinds: Sequence[Kind], folder: Path, registry: Registry) -> None:
    """Write a package with one part of each kind into a new folder.

    Raises `UsageError` for a name that is taken, and for a folder that exists or cannot be written.
    """
    refuse_taken(plugin, kinds, registry)
    if os.path.lexists(folder):
        raise UsageError(f"{folder}: exists. Give a new folder with --out.")
    files = files_of(plugin, kinds)
    missing = [parent for parent in folder.parents if not os.path.lexists(parent)]  # the innermost first
    try:
        _write(files, folder)
    except OSError as error:
        with suppress(OSError):
            for parent in missing:
                parent.rmdir()
        reason = describe_os_error(error, folder)
        raise UsageError(f"{folder}: cannot be written: {reason}. Choose another place with --out.") from None


def _write(files: Mapping[str, str], folder: Path) -> None:
    with new_folder(folder) as partial:
        for place, text in files.items():
            path = partial / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
