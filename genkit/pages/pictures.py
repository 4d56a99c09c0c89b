"""Pictures inside a page, within a budget of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.storage.picture_title import PictureTitle, title_of

if TYPE_CHECKING:
    from PIL.Image import Image

BUDGET = 1_500_000  # bytes of all pictures of a page, as text
WEBP_SIDE = 16_383  # pixels of a side, at most: a limit of the format
KEPT_FORMATS = {"PNG": "png", "JPEG": "jpeg", "WEBP": "webp"}
# Quality and scale that are tried one after the other, until a picture fits.
ATTEMPTS = ((90, 1.0), (80, 1.0), (75, 0.7), (70, 0.5), (60, 0.35), (50, 0.25))


@dataclass(frozen=True)
class Picture:
    """Picture as a page shows it."""

    source: str  # a data URI
    width: int  # in pixels, of the original
    height: int
    text: str  # for readers who do not see it
    label: str = ""  # place in a series: "step 300"
    smaller: bool = False  # shown with fewer pixels than the file has
    title: str = ""  # at the top of the file, and shown as text in its place
    note: str = ""  # the same, below the title


@dataclass(frozen=True)
class AskedPicture:
    """Picture that a page would like to show: a file, or an image of Pillow."""

    content: Path | Image
    text: str
    label: str = ""


class PictureBudget:
    """Takes pictures until the budget is spent. `remarks` says which were left out, and why."""

    def __init__(self, size: int = BUDGET):
        self._left = size
        self._first_attempt = 0
        self.remarks: list[str] = []

    def take(self, asked: list[AskedPicture], share: float = 1.0) -> list[Picture]:
        """Return the pictures that fit into a `share` of what is left, each with an equal part of it.

        What one picture does not need, the next may use. A file that cannot be read is left out with a remark.
        """
        allowed = int(self._left * share)
        taken: list[Picture] = []
        self._first_attempt = 0  # pictures of a series are alike: begin with what the one before needed
        for number, each in enumerate(asked):
            picture = self._encode(each, allowed // (len(asked) - number))
            if picture is not None:
                taken.append(picture)
                allowed -= len(picture.source)
                self._left -= len(picture.source)
        return taken

    def _encode(self, asked: AskedPicture, allowed: int) -> Picture | None:
        from PIL import Image, UnidentifiedImageError

        name = asked.content.name if isinstance(asked.content, Path) else asked.text
        try:
            original = asked.content.read_bytes() if isinstance(asked.content, Path) else b""
            image = Image.open(io.BytesIO(original)) if isinstance(asked.content, Path) else asked.content
            image.load()
            titled = title_of(image) if original else None
        except FileNotFoundError:
            self.remarks.append(f"{name}: not found.")
            return None
        except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
            self.remarks.append(f"{name}: cannot be read as a picture.")
            return None
        form = KEPT_FORMATS.get(image.format or "")
        if titled is not None:  # a phone, which scrolls a wide picture, would cut it
            image, form = image.crop((0, titled.height, *image.size)), None
        if form and 4 * len(original) // 3 + 40 <= allowed:
            return _picture(asked, original, form, image, False, titled)
        if not form and 4 * len(exact := _as_png(image)) // 3 + 40 <= allowed:
            return _picture(asked, exact, "png", image, False, titled)
        for attempt in range(self._first_attempt, len(ATTEMPTS)):
            quality, scale = ATTEMPTS[attempt]
            scale = min(scale, WEBP_SIDE / max(image.size))
            content = _as_webp(image, quality, scale)
            if 4 * len(content) // 3 + 40 <= allowed:
                self._first_attempt = attempt
                return _picture(asked, content, "webp", image, scale < 1, titled)
        self.remarks.append(f"{name}: left out, since the page would be too large.")
        return None


def remarks_on_smaller(pictures: Sequence[Picture]) -> list[str]:
    """Return a remark that some of these pictures have fewer pixels than their files; none if they have all."""
    if not (smaller := sum(picture.smaller for picture in pictures)):
        return []
    if len(pictures) == 1:
        return ["To keep the page small, this picture has fewer pixels than its file."]
    fewer = "has fewer pixels than its file" if smaller == 1 else "have fewer pixels than their files"
    return [f"To keep the page small, {smaller} of these {len(pictures)} pictures {fewer}."]


def _picture(
    asked: AskedPicture, content: bytes, form: str, image: Image, smaller: bool, titled: PictureTitle | None
) -> Picture:
    source = f"data:image/{form};base64,{base64.b64encode(content).decode()}"
    title, note = (titled.title, titled.note) if titled else ("", "")
    return Picture(source, image.width, image.height, asked.text, asked.label, smaller, title, note)


def _as_png(image: Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def _as_webp(image: Image, quality: int, scale: float) -> bytes:
    content = io.BytesIO()
    sized = image.convert("RGBA" if "A" in image.getbands() else "RGB")
    if scale < 1:
        sized = sized.resize((max(1, round(sized.width * scale)), max(1, round(sized.height * scale))))
    sized.save(content, "WEBP", quality=quality, method=2)
    return content.getvalue()
