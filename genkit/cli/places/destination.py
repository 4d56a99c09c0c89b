"""The place that ``--out`` names: a name of files without their endings, or a folder for files of default names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genkit.cli.places.writable import refuse_unwritable
from genkit.errors import UsageError
from genkit.storage.user_path import user_path

FILE_TYPE = re.compile(r"\.[A-Za-z][A-Za-z0-9]*")
FOLDER_ENDS = tuple({f"{separator}{end}" for separator in {"/", os.sep} for end in ("", ".")})


@dataclass(frozen=True)
class Destination:
    """The value of ``--out``."""

    path: Path
    is_folder: bool  # it exists as a folder, or the user has written a / at its end

    def __str__(self) -> str:
        """Return the path."""
        return str(self.path)


def destination(given: str, option: str = "--out") -> Destination:
    """Return the place that a user gave; it need not exist.

    Raises `UsageError` as `user_path`, and if no file can be written there.
    """
    path = user_path(given)
    place = Destination(path, given.endswith(FOLDER_ENDS) or path.is_dir())
    refuse_unwritable(option, path, path if place.is_folder else path.parent)
    return place


def output_stem(out: Destination | None, default: Path, endings: Sequence[str], option: str = "--out") -> Path:
    """Return the path of the files to write without their endings: `out`, or for a folder the default name in it.

    An ending in `out` that a file of these endings has is left out. Raises `UsageError`, which names the `option`, if
    `out` ends like a file of another type, such as ``.txt``: no file of that name would be written. ``.5`` is no type.
    """
    stem = default if out is None else out.path / default.name if out.is_folder else out.path
    for ending in sorted(endings, key=len, reverse=True):
        if stem.name.lower().endswith(ending.lower()) and len(stem.name) > len(ending):
            return stem.with_name(stem.name[: -len(ending)])
    suffixes = {Path(f"name{ending}").suffix.lower() for ending in endings}
    if stem.suffix.lower() in suffixes:
        return stem.with_suffix("")
    if out is not None and not out.is_folder and FILE_TYPE.fullmatch(stem.suffix):
        raise UsageError(
            f"{option} {out}: the files end in {', '.join(sorted(suffixes))}, and none in {stem.suffix}. Leave the "
            "ending out, or give one of these."
        )
    return stem
