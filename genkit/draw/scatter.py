"""Pictures of points in the plane beside the three panels of `genkit.draw.density`: one square, or a row of them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genkit.draw.density import box, frame, scatter
from genkit.draw.style import COLOURS, NOTE_INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches.
SQUARE = 4.2  # with its ticks
PANEL = 2.4
LINE = 0.18  # of the title or the note

PANELS = 5  # side by side
TITLE_CHARACTERS, NOTE_CHARACTERS = 11, 15  # that fit into an inch
GREY = "#AAAAAA"


def save_scatter(path: Path, samples: Tensor, title: str, note: str = "") -> None:
    """Write samples, (N, 2), as PNG."""
    with _square(path, title, note, box(samples)) as axes:
        scatter(axes, samples.double(), COLOURS[1])


def save_point_reconstructions(path: Path, inputs: Tensor, outputs: Tensor, title: str, note: str = "") -> None:
    """Write inputs and what became of them, each (N, 2), joined by lines, as PNG."""
    # A reconstruction far off must not shrink the data to a dot: it leaves the square.
    with _square(path, title, note, box(inputs)) as axes:
        xs, ys = _segments(inputs, outputs)
        axes.plot(xs, ys, color=GREY, linewidth=0.6, zorder=0)
        for points, colour, label in ((inputs, COLOURS[0], "input"), (outputs, COLOURS[1], "reconstruction")):
            x, y = points.double().T.numpy()
            axes.scatter(x, y, s=7, color=colour, linewidths=0, label=label)
        _legend(axes)


def save_point_interpolations(path: Path, paths: Tensor, ends: Tensor | None, title: str, note: str = "") -> None:
    """Write decoded paths, (N, S, 2), a line each, as PNG; `ends`, (N, 2, 2), are what was encoded, if anything."""
    shown = paths if ends is None else ends
    with _square(path, title, note, box(shown)) as axes:
        for number, points in enumerate(paths.double()):
            colour = COLOURS[number % len(COLOURS)]
            x, y = points.T.numpy()
            axes.plot(x, y, color=colour, linewidth=0.8, marker=".", markersize=3)
        if ends is not None:
            x, y = ends.double().reshape(-1, 2).T.numpy()
            axes.scatter(x, y, s=22, color="none", edgecolors="black", linewidths=0.7, label="input")
            _legend(axes)


def save_panels(path: Path, panels: Mapping[str, Tensor], title: str, note: str = "") -> None:
    """Write sets of points, each (N, 2), as PNG: a square each, under its caption, all of one scale."""
    half_width = max(box(points) for points in panels.values())
    rows = math.ceil(len(panels) / PANELS)
    columns = math.ceil(len(panels) / rows)
    with _figure(path, title, note, PANEL * columns, PANEL * rows) as figure:
        places = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (caption, points) in zip(places, panels.items()):
            axes.set_title(caption, parse_math=False)
            scatter(axes, points.double(), COLOURS[1])
            frame(axes, half_width)
        for axes in places[len(panels) :]:
            axes.set_axis_off()


@contextmanager
def _square(path: Path, title: str, note: str, half_width: float) -> Iterator[Axes]:
    with _figure(path, title, note, SQUARE, SQUARE) as figure:
        axes = figure.subplots()
        yield axes
        frame(axes, half_width)


@contextmanager
def _figure(path: Path, title: str, note: str, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure with its title above and its note below, both wrapped to `width`, and `height` between them."""
    title = "\n".join(textwrap.wrap(title, int(TITLE_CHARACTERS * width)))
    note = "\n".join(textwrap.wrap(note, int(NOTE_CHARACTERS * width)))
    lines = 2 + title.count("\n") + note.count("\n")
    with new_figure(path, title, width, height + LINE * lines) as figure:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color=NOTE_INK, parse_math=False)
        yield figure


def _segments(starts: Tensor, stops: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the x and y of lines from each start to its stop, with a gap after each."""
    lines = torch.stack([starts, stops, torch.full_like(starts, math.nan)], dim=1).double().reshape(-1, 2)
    return lines[:, 0].numpy(), lines[:, 1].numpy()


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0.2, handletextpad=0.2)
