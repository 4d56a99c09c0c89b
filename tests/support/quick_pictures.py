"""Pictures of tests, which are written more quickly than those of users: they took half of a short run.

Pictures of matplotlib have fewer pixels and no layout, and all are compressed little.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from genkit.draw import style

Image.init()  # loads the formats
USUAL = {"LAYOUT": style.LAYOUT, "DPI": style.DPI}
usual_png = Image.SAVE["PNG"]


def draw_quickly() -> None:
    """Draw small, without matplotlib's layout, and compress little. Tests of what is drawn have `laid_out`."""
    style.LAYOUT, style.DPI = None, 75
    Image.register_save("PNG", _quick_png)


def lay_out(patch: pytest.MonkeyPatch) -> None:
    """Draw in full size, with matplotlib's layout, until the patch is undone."""
    for name, value in USUAL.items():
        patch.setattr(style, name, value)


def draw_as_users_do(patch: pytest.MonkeyPatch) -> None:
    """Draw as processes that tests start do, to compare their files, until the patch is undone."""
    lay_out(patch)
    patch.setitem(Image.SAVE, "PNG", usual_png)


def draw_blank(patch: pytest.MonkeyPatch) -> None:
    """Leave pictures of matplotlib blank until the patch is undone. For tests that look at none and train many runs."""

    def blank(canvas: FigureCanvasAgg) -> np.ndarray:
        width, height = canvas.get_width_height()
        return np.zeros((height, width, 4), np.uint8)

    patch.setattr(FigureCanvasAgg, "draw", lambda canvas: None)
    patch.setattr(FigureCanvasAgg, "buffer_rgba", blank)


def _quick_png(image: Image.Image, file: IO[bytes], name: str | bytes) -> Any:
    image.encoderinfo.setdefault("compress_level", 1)
    return usual_png(image, file, name)
