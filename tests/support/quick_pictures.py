"""Pictures of tests, which are written more quickly than those of users: to lay out and compress them took a third of
a short run. Their pixels differ in the places of texts only, and their files are a little larger.
"""

from __future__ import annotations

from typing import IO, Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from genkit.draw import style

Image.init()  # loads the formats
USUAL_LAYOUT, usual_png = style.LAYOUT, Image.SAVE["PNG"]


def draw_quickly() -> None:
    """Draw without matplotlib's layout, and compress little. Tests of the layout have the fixture `laid_out`."""
    style.LAYOUT = None
    Image.register_save("PNG", _quick_png)


def draw_as_users_do(patch: pytest.MonkeyPatch) -> None:
    """Draw as processes that tests start do, to compare their files, until the patch is undone."""
    patch.setattr(style, "LAYOUT", USUAL_LAYOUT)
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
