"""The pictures of a run by kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.runs.on_disk.run_folder import RunFolder

CURVES = "curves"


def pictures_of(folder: RunFolder) -> dict[str, list[Path]]:
    """Return the pictures of a run by kind, such as "samples" or "curves", the newest last.

    The figures that are drawn after the last step come after the pictures during training.
    """
    found = previews_of(folder)
    for path in sorted(folder.figures.glob("*.png")):
        found.setdefault(path.stem, []).append(path)
    if folder.curves.exists():
        found.setdefault(CURVES, []).append(folder.curves)
    return found


def previews_of(folder: RunFolder) -> dict[str, list[Path]]:
    """Return the pictures drawn during training by kind, in the order of their steps."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.samples.glob("step-*-*.png")):
        found.setdefault(path.stem.split("-", 2)[2], []).append(path)
    return found


def is_drawable(shape: Any) -> bool:
    """Return whether samples of this shape have pictures: points in the plane, and images in grey or colour."""
    match shape:
        case [2] | [1 | 3, _, _]:
            return True
        case _:
            return False
