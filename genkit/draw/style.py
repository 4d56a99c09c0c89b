"""Style of all matplotlib pictures, independent of the user's settings, and the context that writes a picture."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from genkit.storage.atomic import write_file
from genkit.storage.picture_title import PictureTitle, chunks_of_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 150
LAYOUT: Literal["constrained"] | None = "constrained"  # so that no part of a picture covers another
INK = "#222222"
NOTE_INK = "#666666"  # of notes
# Okabe & Ito 2008, "Color Universal Design", https://jfly.uni-koeln.de/color/, distinguishable with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#000000")

STYLE = {
    "font.size": 8,
    "figure.titlesize": 10,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.6,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "ytick.minor.size": 0,
    "legend.fontsize": 7,
    "lines.linewidth": 1.0,
}


@contextmanager
def new_figure(path: Path, title: str, width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of `width` x `height` inches with a title, then write it as PNG with `DPI` pixels an inch.

    The file depends only on what is drawn: not on the user's matplotlibrc, the time of day or the state of pyplot.
    """
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width, height), dpi=DPI, layout=LAYOUT)
        # The title may contain text of the user, in which a dollar sign does not start a formula.
        heading = figure.suptitle(title, x=0.01, ha="left", parse_math=False)
        yield figure

        canvas, png = FigureCanvasAgg(figure), io.BytesIO()
        with warnings.catch_warnings():
            # A character that the font lacks, such as an emoji, is drawn as a box. Nobody can do anything about it.
            warnings.filterwarnings("ignore", r"Glyph .* missing from font", UserWarning)
            canvas.draw()
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba()))
        below = math.ceil(figure.bbox.height - heading.get_window_extent().y0) if title else 0
        chunks = chunks_of_title(PictureTitle(" ".join(title.split()), "", below))
        picture.save(png, format="PNG", dpi=(DPI, DPI), pnginfo=chunks)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, png.getvalue())
