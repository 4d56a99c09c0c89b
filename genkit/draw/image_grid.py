"""Captioned grids of images: one PNG, pixel for pixel what the network returned."""

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

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

# All in pixels.
LARGEST = 178_956_970  # a whole picture, in pixels: with more, Pillow, and not it alone, refuses to open it again
READABLE = 80  # images are magnified by the smallest integer that makes their longer side at least this
MARGIN = 16
GAP = 4  # between images
GROUP_GAP = 16  # above a row with the caption of the first row
TITLE_SIZE = 16
TITLE_BAND = 24 + MARGIN  # the title and the space below it
CAPTION_SIZE = 13
LINE = 19  # from one line of the note to the next, and the band of the headings
NOTE_WIDTH = 480  # a note is wrapped to the width of the grid, or to this if the grid is narrower


class GridRow(NamedTuple):
    """Images side by side."""

    caption: str  # stands left of the row; may be empty
    images: Tensor  # (N, C, H, W) with C = 1, grey, or 3, colour; clamped to [0, 1] for show


def save_grid(path: Path, rows: Sequence[GridRow], title: str, note: str = "", headings: Sequence[str] = ()) -> None:
    """Write the rows below each other as PNG, under `title`, with their captions on white.

    `note` stands below the title, wrapped; `headings`, one a column, stand above the first row. Small images are
    magnified by an integer factor, each pixel to a square. A caption that returns to that of the first row begins a
    new group, set off by a wider gap. A value that is not a number is shown black. Raises `ValueError` unless all
    images have one shape and one or three channels.
    """
    png = io.BytesIO()
    draw_grid(rows, title, note, headings).save(png, format="PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, png.getvalue())


def draw_grid(rows: Sequence[GridRow], title: str, note: str = "", headings: Sequence[str] = ()) -> Image:
    """Return the picture that `save_grid` writes."""
    from PIL import Image, ImageDraw

    height, width = _tile_size(rows)
    title_font, font = _font(TITLE_SIZE), _font(CAPTION_SIZE)

    # Where everything stands. The caption column exists only if there are captions.
    captions = max(math.ceil(font.getlength(row.caption)) for row in rows)
    left = MARGIN + (captions + MARGIN // 2 if captions else 0)
    columns = max(len(row.images) for row in rows)
    right = max(left + columns * (width + GAP) - GAP, MARGIN + math.ceil(title_font.getlength(title)))
    lines = _wrapped(note, font, max(right - MARGIN, NOTE_WIDTH))
    right = max([right, *(MARGIN + math.ceil(font.getlength(line)) for line in lines)])
    tops = _tops(rows, height, MARGIN + TITLE_BAND + LINE * (len(lines) + bool(headings)))

    # Paper, then text, then images.
    paper = Image.new("RGB", (right + MARGIN, tops[-1] + height + MARGIN), "white")
    pen = ImageDraw.Draw(paper)
    pen.text((MARGIN, MARGIN + 8), title, INK, title_font, anchor="lm")
    for number, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + 24 + LINE * number + LINE // 2), line, NOTE_INK, font, anchor="lm")
    for column, heading in enumerate(headings):
        centre = left + column * (width + GAP) + width // 2
        pen.text((centre, tops[0] - GAP - LINE // 2), heading, INK, font, anchor="mm")
    for row, top in zip(rows, tops, strict=True):
        pen.text((left - MARGIN // 2, top + height // 2), row.caption, INK, font, anchor="rm")
        for column, tile in enumerate(_tiles(row.images)):
            paper.paste(Image.fromarray(tile), (left + column * (width + GAP), top))
    return paper


def fits(number: int, columns: int, shape: tuple[int, ...]) -> bool:
    """Tell whether so many images of a shape, (C, H, W), in so many columns, make a picture that can be opened."""
    factor = magnification(*shape[1:])
    height, width = (factor * side + GAP for side in shape[1:])
    return math.ceil(number / columns) * height * columns * width <= LARGEST


def magnification(height: int, width: int) -> int:
    """Return the integer by which images of `height` x `width` pixels are magnified."""
    return math.ceil(READABLE / max(height, width))


def _font(size: int) -> FreeTypeFont:
    """Return the font of the other pictures, which comes with matplotlib; Pillow's own has no Greek letters."""
    from matplotlib import get_data_path
    from PIL import ImageFont

    return ImageFont.truetype(
        Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size, layout_engine=ImageFont.Layout.BASIC
    )


def _tile_size(rows: Sequence[GridRow]) -> tuple[int, int]:
    """Return height and width of a magnified image; refuse what cannot stand in one grid."""
    shapes = {tuple(row.images.shape[1:]) for row in rows}
    if len(shapes) != 1:
        raise ValueError(f"a grid needs images of one shape (C, H, W), got {sorted(shapes) or 'no rows'}")
    shape = shapes.pop()
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(f"an image is grey, (1, H, W), or colour, (3, H, W), got {shape}")
    _, height, width = shape
    factor = magnification(height, width)
    return factor * height, factor * width


def _wrapped(text: str, font: FreeTypeFont, width: int) -> list[str]:
    """Return the text in lines of at most `width` pixels; a longer word has a line of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _tops(rows: Sequence[GridRow], height: int, first: int) -> list[int]:
    """Return the upper edge of each row, the first one given."""
    tops = [first]
    for row in rows[1:]:
        group = row.caption and row.caption == rows[0].caption
        tops.append(tops[-1] + height + (GROUP_GAP if group else GAP))
    return tops


def _tiles(images: Tensor) -> np.ndarray:
    """Return magnified 8-bit colour images, (N, C, H, W) -> (N, factor·H, factor·W, 3)."""
    # A NaN survives the clamp, and its cast to an integer is undefined.
    shown = images.detach().cpu().float().nan_to_num(nan=0.0).clamp(0, 1)
    pixels = (shown * 255).round().byte().expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()
    factor = magnification(*images.shape[2:])
    return pixels.repeat(factor, axis=1).repeat(factor, axis=2)
