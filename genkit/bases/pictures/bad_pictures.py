"""Pictures that cannot be used: the exception, the record of one such picture, and the error that lists them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from genkit.bases.pictures.source import count
from genkit.errors import UsageError

MAX_LISTED = 10  # bad pictures that a message lists by name; it counts the others


class BadPictureError(Exception):
    """A picture cannot be used. The text gives the reason and follows the name of the picture: ``x.png: REASON``."""


class BadPicture(NamedTuple):
    """Name of a picture that cannot be used, and the reason."""

    name: str
    reason: str

    def __str__(self) -> str:
        """Return ``NAME: REASON``."""
        return f"{self.name}: {self.reason}"


def list_bad_pictures(bad: Sequence[BadPicture]) -> str:
    """Return one line for each of the first `MAX_LISTED` pictures and a line that counts the others.

    Each line starts with a line break and two spaces.
    """
    listed = "".join(f"\n  {picture}" for picture in bad[:MAX_LISTED])
    return listed + (f"\n  and {len(bad) - MAX_LISTED:,} more" if len(bad) > MAX_LISTED else "")


def bad_pictures_error(bad: Sequence[BadPicture], total: int, where: str) -> UsageError:
    """Return the error that lists the bad pictures among `total` pictures of the folder, file or hub id `where`."""
    remedy = 'Repair or remove these files, or set on_bad = "skip" to leave them out.'
    if len(bad) == total:
        remedy = "No usable picture is left. Repair the files, or change the keys of [data] that do not fit them."
    return UsageError(
        f"[data] {where}: {len(bad):,} of {count(total, 'picture')} cannot be used:{list_bad_pictures(bad)}\n{remedy}"
    )
