"""The newest picture of a run, for a notebook."""

from __future__ import annotations

import PIL.Image

from genkit.errors import UsageError
from genkit.runs.on_disk.pictures_of_run import pictures_of
from genkit.runs.on_disk.run_folder import RunFolder


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
