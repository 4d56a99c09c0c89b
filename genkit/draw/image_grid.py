"""Grid of images with captions, written as PNG, with exactly the pixels that the network returned."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from genkit.draw.style import INK, NOTE_INK
from genkit.storage.atomic import write_file
from genkit.storage.picture_title import PictureTitle, chunks_of_title

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

# All lengths are in pixels.
LARGEST = 178_956_970  # pixels of a whole picture; Pillow and other programs refuse to open a larger one
READABLE = 80  # images are magnified by the smallest integer that makes their longer side at least this long
MARGIN = 16
GAP = 4  # between images
GROUP_GAP = 16  # above a row that starts a new group
TITLE_SIZE = 16
TITLE_BAND = 24 + MARGIN  # title, and space below it
CAPTION_SIZE = 13
LINE = 19  # height of a line of the note, and of the headings
LABEL_SIZE, LABEL_LINE = 11, 14  # of the lines above an image
NOTE_WIDTH = 480  # least width that a note is wrapped to; a wider grid gives it more


class GridRow(NamedTuple):
    """Images in one row."""

    caption: str  # text to the left of the row; may be empty
    images: Tensor  # (N, C, H, W), C = 1 (grey) or 3 (colour); clamped to [0, 1]
    labels: Sequence[Sequence[str]] = ()  # the lines above each image; all images have as many


def save_image_grid(
    path: Path, rows: Sequence[GridRow], title: str, note: str = "", headings: Sequence[str] = ()
) -> None:
    """Write rows of images as PNG, one below the other, on white.

    The title is at the top, the wrapped note below it, the captions are to the left of the rows, and `headings`, one a
    column, above the first row. Small images are magnified by an integer factor, so that each pixel becomes a square.
    A row with the caption of the first row starts a new group, below a wider gap. A label that is wider than its image
    loses characters at its start, since the names of files differ at their ends. NaN is drawn black. Raises
    `ValueError` unless all images have the same shape and one or three channels.
    """
    png = io.BytesIO()
    picture, titled = _draw(rows, title, note, headings)
    picture.save(png, format="PNG", pnginfo=chunks_of_title(titled))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, png.getvalue())


def draw_image_grid(rows: Sequence[GridRow], title: str, note: str = "", headings: Sequence[str] = ()) -> Image:
    """Return the picture that `save_image_grid` writes."""
    return _draw(rows, title, note, headings)[0]


def _draw(rows: Sequence[GridRow], title: str, note: str, headings: Sequence[str]) -> tuple[Image, PictureTitle]:
    """Return the picture, and its title with the pixels that this takes."""
    from PIL import Image, ImageDraw

    height, width = _tile_size(rows)
    title_font, font, label_font = grid_font(TITLE_SIZE), grid_font(CAPTION_SIZE), grid_font(LABEL_SIZE)

    # Layout. The column of captions exists only if there are captions.
    captions = max(math.ceil(font.getlength(row.caption)) for row in rows)
    left = MARGIN + (captions + MARGIN // 2 if captions else 0)
    columns = max(len(row.images) for row in rows)
    right = max(left + columns * (width + GAP) - GAP, MARGIN + math.ceil(title_font.getlength(title)))
    lines = _wrapped(note, font, max(right - MARGIN, NOTE_WIDTH))
    right = max([right, *(MARGIN + math.ceil(font.getlength(line)) for line in lines)])
    tops = _tops(rows, height, MARGIN + TITLE_BAND + LINE * (len(lines) + bool(headings)))

    # Background, then text, then images.
    canvas = Image.new("RGB", (right + MARGIN, tops[-1] + height + MARGIN), "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((MARGIN, MARGIN + 8), title, INK, title_font, anchor="lm")
    for number, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + 24 + LINE * number + LINE // 2), line, NOTE_INK, font, anchor="lm")
    for column, heading in enumerate(headings):
        centre = left + column * (width + GAP) + width // 2
        pen.text((centre, tops[0] - GAP - LINE // 2), heading, INK, font, anchor="mm")
    for row, top in zip(rows, tops, strict=True):
        pen.text((left - MARGIN // 2, top + height // 2), row.caption, INK, font, anchor="rm")
        for column, tile in enumerate(tiles(row.images)):
            canvas.paste(Image.fromarray(tile), (left + column * (width + GAP), top))
        for column, label in enumerate(row.labels):
            for number, line in enumerate(label):
                place = (
                    left + column * (width + GAP),
                    top - GAP - LABEL_LINE * (len(label) - number) + LABEL_LINE // 2,
                )
                pen.text(place, _fitted(line, label_font, width), INK, label_font, anchor="lm")
    return canvas, PictureTitle(title, note, MARGIN + TITLE_SIZE + 8 + LINE * len(lines))


def fits(number: int, columns: int, shape: tuple[int, ...]) -> bool:
    """Return whether a grid of images of a shape, (C, H, W), has at most `LARGEST` pixels."""
    factor = magnification(*shape[1:])
    height, width = (factor * side + GAP for side in shape[1:])
    return math.ceil(number / columns) * height * columns * width <= LARGEST


def magnification(height: int, width: int) -> int:
    """Return the integer factor by which images of `height` x `width` pixels are magnified."""
    return math.ceil(READABLE / max(height, width))


def grid_font(size: int) -> FreeTypeFont:
    """Return the font that matplotlib ships. Pillow's default font has no Greek letters."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(
        Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )


def _tile_size(rows: Sequence[GridRow]) -> tuple[int, int]:
    """Return height and width of a magnified image. Raises `ValueError` for images that do not fit in one grid."""
    shapes = {tuple(row.images.shape[1:]) for row in rows}
    if len(shapes) != 1:
        raise ValueError(f"an image grid takes images of one shape (C, H, W), got {sorted(shapes) or 'no rows'}")
    shape = shapes.pop()
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"an image grid takes grey images (1, H, W) or colour images (3, H, W), got {shape}")
    _, height, width = shape
    factor = magnification(height, width)
    return factor * height, factor * width


def _wrapped(text: str, font: FreeTypeFont, width: int) -> list[str]:
    """Return the text in lines of at most `width` pixels. A longer word gets its own line."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _tops(rows: Sequence[GridRow], height: int, first: int) -> list[int]:
    """Return the y of the upper edge of each row; `first` is that of the first row."""
    tops = [first + _label_height(rows[0])]
    for row in rows[1:]:
        group = row.caption and row.caption == rows[0].caption
        tops.append(tops[-1] + height + (GROUP_GAP if group else GAP) + _label_height(row))
    return tops


def _label_height(row: GridRow) -> int:
    return LABEL_LINE * max(map(len, row.labels), default=0)


def _fitted(text: str, font: FreeTypeFont, width: int) -> str:
    """Return the end of a text that is at most `width` pixels wide."""
    if font.getlength(text) <= width:
        return text
    return next((end for start in range(1, len(text)) if font.getlength(end := f"…{text[start:]}") <= width), "…")


def tiles(images: Tensor) -> np.ndarray:
    """Return magnified 8-bit colour images, (N, C, H, W) -> (N, factor·H, factor·W, 3)."""
    # clamp keeps NaN, and casting NaN to an integer is undefined.
    clamped = images.detach().cpu().float().nan_to_num(nan=0.0).clamp(0, 1)
    pixels = (clamped * 255).round().byte().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    factor = magnification(*images.shape[2:])
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)
