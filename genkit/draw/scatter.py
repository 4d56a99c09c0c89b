"""Scatter plots of points in the plane: one square, or several squares in rows."""

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

from genkit.draw.density import draw_points, half_width_of, show_square
from genkit.draw.style import COLOURS, NOTE_INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# In inches.
SQUARE = 4.2  # with ticks
PANEL = 2.4
LINE = 0.18  # height of a line of the title or the note

PANELS = 5  # in a row
TITLE_CHARACTERS, NOTE_CHARACTERS = 11, 15  # that fit in an inch
GREY = "#AAAAAA"
RINGS = ("black", "#D55E00")  # around marked points


def save_point_samples(path: Path, samples: Tensor, title: str, note: str = "") -> None:
    """Write samples, (N, 2), as PNG."""
    with _square(path, title, note, half_width_of(samples)) as axes:
        draw_points(axes, samples.double(), COLOURS[1])


def save_point_reconstructions(path: Path, inputs: Tensor, outputs: Tensor, title: str, note: str = "") -> None:
    """Write inputs and reconstructions, each (N, 2), as PNG, with a line from each input to its reconstruction."""
    # The inputs decide the scale: one reconstruction far away would shrink the data to a dot.
    with _square(path, title, note, half_width_of(inputs)) as axes:
        draw_segments(axes, inputs, outputs)
        _legend(axes)


def draw_segments(
    axes: Axes, inputs: Tensor, outputs: Tensor, colours: tuple[str, str] = (COLOURS[0], COLOURS[1])
) -> None:
    """Draw inputs and reconstructions, each (N, 2), in two colours, with a line from each input to its own."""
    xs, ys = _segments(inputs, outputs)
    axes.plot(xs, ys, color=GREY, linewidth=0.6, zorder=0)
    for points, colour, label in zip((inputs, outputs), colours, ("input", "reconstruction")):
        x, y = points.double().T.numpy()
        axes.scatter(x, y, s=7, color=colour, linewidths=0, label=label)


def save_point_interpolations(path: Path, paths: Tensor, ends: Tensor | None, title: str, note: str = "") -> None:
    """Write decoded paths, (N, S, 2), as PNG, one line a path.

    `ends`, (N, 2, 2), are the two inputs of each path; None for paths between draws from the prior.
    """
    with _square(path, title, note, half_width_of(paths if ends is None else ends)) as axes:
        for number, points in enumerate(paths.double()):
            colour = COLOURS[number % len(COLOURS)]
            x, y = points.T.numpy()
            axes.plot(x, y, color=colour, linewidth=0.8, marker=".", markersize=3)
        if ends is not None:
            x, y = ends.double().reshape(-1, 2).T.numpy()
            axes.scatter(x, y, s=22, color="none", edgecolors="black", linewidths=0.7, label="input")
            _legend(axes)


def save_point_paths(
    path: Path, paths: Mapping[str, Tensor], marked: Mapping[str, Tensor], half_width: float, title: str = ""
) -> None:
    """Write paths, (S, 2) each, by name, as PNG: one line a path, and a ring around each marked point, (2,), by name.

    The square has the half-width, or one that all points fit in.
    """
    half_width = max(half_width, *map(half_width_of, (*paths.values(), *marked.values())))
    with _square(path, title, "", half_width) as axes:
        for number, (name, points) in enumerate(paths.items()):
            x, y = points.double().T.numpy()
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(x, y, color=colour, linewidth=1.2, marker=".", markersize=3, label=name)
        for number, (name, point) in enumerate(marked.items()):
            x, y = point.double().tolist()
            axes.scatter([x], [y], s=40 + 40 * number, color="none", edgecolors=RINGS[number % 2], label=name)
        _legend(axes)


def save_point_panels(path: Path, panels: Mapping[str, Tensor], title: str, note: str = "") -> None:
    """Write sets of points, (N, 2), by caption, as PNG: one square a set, all on the same scale."""
    half_width = max(half_width_of(points) for points in panels.values())
    rows = math.ceil(len(panels) / PANELS)
    columns = math.ceil(len(panels) / rows)
    with _figure(path, title, note, PANEL * columns, PANEL * rows) as figure:
        squares = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (caption, points) in zip(squares, panels.items()):
            axes.set_title(caption, parse_math=False)
            draw_points(axes, points.double(), COLOURS[1])
            show_square(axes, half_width)
        for axes in squares[len(panels) :]:
            axes.set_axis_off()


@contextmanager
def _square(path: Path, title: str, note: str, half_width: float) -> Iterator[Axes]:
    with _figure(path, title, note, SQUARE, SQUARE) as figure:
        axes = figure.subplots()
        yield axes
        show_square(axes, half_width)


@contextmanager
def _figure(path: Path, title: str, note: str, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure with its title above and its note below, both wrapped to `width`. The rest is `height` inches."""
    title = "\n".join(textwrap.wrap(title, int(TITLE_CHARACTERS * width)))
    note = "\n".join(textwrap.wrap(note, int(NOTE_CHARACTERS * width)))
    lines = 2 + title.count("\n") + note.count("\n")
    with new_figure(path, title, width, height + LINE * lines) as figure:
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7.5, color=NOTE_INK, parse_math=False)
        yield figure


def _segments(starts: Tensor, stops: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the lines from each start to its stop, (3N,) each, with NaN after each line."""
    lines = torch.stack([starts, stops, torch.full_like(starts, math.nan)], dim=1).double().reshape(-1, 2)
    return lines[:, 0].numpy(), lines[:, 1].numpy()


def _legend(axes: Axes) -> None:
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderpad=0.2, handletextpad=0.2)
