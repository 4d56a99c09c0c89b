"""The pictures of a run by kind."""

from __future__ import annotations

from pathlib import Path

import PIL.Image

from genkit.errors import UsageError
from genkit.runs.run_folder import RunFolder

CURVES = "curves"


def pictures_of(folder: RunFolder) -> dict[str, list[Path]]:
    """Return the pictures of a run by kind, such as "samples", the newest last.

    The figures that are drawn after the last step come after the pictures during training.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.samples.glob("step-*-*.png")):
        found.setdefault(path.stem.split("-", 2)[2], []).append(path)
    for path in sorted(folder.figures.glob("*.png")):
        found.setdefault(path.stem, []).append(path)
    if folder.curves.exists():
        found.setdefault(CURVES, []).append(folder.curves)
    return found


def newest_picture(folder: RunFolder, kind: str) -> PIL.Image.Image:
    """Return the newest picture of a kind. Raises `UsageError` that names the kinds, and for one that is damaged."""
    pictures = pictures_of(folder)
    if kind not in pictures:
        known = f"Choose one of {', '.join(pictures)}" if pictures else "The run has drawn none yet"
        raise UsageError(f'{folder.path}: no picture "{kind}". {known}.')
    path = pictures[kind][-1]
    try:
        with PIL.Image.open(path) as image:
            image.load()
            return image
    except (OSError, ValueError) as error:
        remedy = f"`genkit figures {folder.path}` draws the figures again"
        raise UsageError(f"{path}: cannot be read: {error}. {remedy}.") from None
