"""The title at the top of a picture, also as text in its file: a page shows it as text, and the picture below it.

A PNG has it as text chunks: ``Title``, ``Description`` for a note below the title, and the height of both in pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.PngImagePlugin import PngInfo

TITLE, NOTE, HEIGHT = "Title", "Description", "genkit:title-height"
LONGEST = 1000  # characters of a title or a note that is believed


class PictureTitle(NamedTuple):
    """Title of a picture."""

    title: str
    note: str  # below the title; may be empty
    height: int  # pixels at the top of the picture that show both


def chunks_of_title(title: PictureTitle) -> PngInfo:
    """Return the chunks of a PNG with this title; without any for a picture without a title."""
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    if title.title:
        chunks.add_itxt(TITLE, title.title)
        if title.note:
            chunks.add_itxt(NOTE, title.note)
        chunks.add_text(HEIGHT, str(title.height))
    return chunks


def title_of(image: Image) -> PictureTitle | None:
    """Return the title of an opened picture; None for one without, for example of an older version."""
    title, note = (image.info.get(name, "") for name in (TITLE, NOTE))
    height = str(image.info.get(HEIGHT, ""))
    if not (isinstance(title, str) and isinstance(note, str) and title.strip() and height.isdecimal()):
        return None
    if max(len(title), len(note)) > LONGEST or len(height) > 9 or not 0 < int(height) < image.height:
        return None
    return PictureTitle(str(title), str(note), int(height))
