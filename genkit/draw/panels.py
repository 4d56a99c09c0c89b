"""Small panels of curves over steps, in sections: what a run's own curves and a comparison of runs are drawn with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.draw.style import COLOURS, INK, NOTE_INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import GridSpec

Curve = Sequence[tuple[int, float]]  # (step, value); a value that is not finite leaves a gap

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT, HEADING, KEY = 3.2, 1.75, 0.3, 0.25  # in inches
WIDE = 50  # a positive quantity that changes by more than this factor is shown on a logarithmic axis
TITLE_CHARACTERS = 42  # a title and the names of the curves that fit above a panel
DENSE = 150  # points of a curve above which their running mean is drawn, and they themselves pale


@dataclass(frozen=True)
class Panel:
    """One quantity."""

    title: str
    curves: Mapping[str, Curve]  # by name; "" for one that needs none
    sparse: bool = False  # few points, which are marked
    exact: bool = False  # set by a recipe: no running mean would help it, and no logarithm
    best: Sequence[tuple[int, float]] = ()  # points that are ringed


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    heading: str
    panels: Sequence[Panel]
    begins: Sequence[int] = field(default=())  # steps at which something begins: a dotted line in each panel


def save_sections(path: Path, sections: Sequence[Section], title: str, key: Sequence[str] = ()) -> None:
    """Write sections below each other as PNG. A name has one colour in all panels.

    The names in `key` are explained once, at the top, and the others in each panel.
    """
    sections = [section for section in sections if section.panels]
    panels = [panel for section in sections for panel in section.panels]
    names = dict.fromkeys([*key, *(name for panel in panels for name in panel.curves if name)])
    colours = {"": INK} | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    notes = " ".join(_explained(sections))
    # One grid, so that the columns of all sections stand below each other: a row of text, then its rows of panels.
    heights: list[float] = [KEY] if key else []
    for section in sections:
        heights += [HEADING, *[PANEL_HEIGHT] * math.ceil(len(section.panels) / COLUMNS)]
    margins = 0.35 + 0.25 * bool(notes)

    with new_figure(path, title, PANEL_WIDTH * COLUMNS, max(sum(heights), 0.6) + margins) as figure:
        if not sections:
            figure.text(0.5, 0.4, "no numbers were recorded", ha="center", color=INK)
            return
        if notes:
            figure.supxlabel(notes, x=0.01, ha="left", fontsize=7, color=NOTE_INK, parse_math=False)
        grid = figure.add_gridspec(len(heights), COLUMNS, height_ratios=heights)
        end = max((step for panel in panels for curve in panel.curves.values() for step, _ in curve), default=1)
        row = 0
        if key:
            _key(_text_row(figure, grid, row), {name: colours[name] for name in key})
            row += 1
        for section in sections:
            _text_row(figure, grid, row).text(
                0, 0, section.heading, fontsize=8.5, fontweight="bold", color=INK, parse_math=False
            )
            for number, panel in enumerate(section.panels):
                axes = figure.add_subplot(grid[row + 1 + number // COLUMNS, number % COLUMNS])
                _panel(axes, panel, section.begins, colours, frozenset(key))
                axes.set_xlim(-0.02 * end, 1.02 * end)
                if number >= len(section.panels) - COLUMNS:  # the lowest of its column
                    axes.set_xlabel("step", labelpad=1)
            row += 1 + math.ceil(len(section.panels) / COLUMNS)


def _text_row(figure: Figure, grid: GridSpec, row: int) -> Axes:
    axes = figure.add_subplot(grid[row, :])
    axes.set_axis_off()
    return axes


def _key(axes: Axes, colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    axes.legend(handles=lines, loc="center left", ncols=min(len(lines), 4), frameon=False, borderpad=0)


def _explained(sections: Sequence[Section]) -> list[str]:
    """Say what a reader could not guess."""
    panels = [panel for section in sections for panel in section.panels]
    told = []
    if any(_is_dense(curve, panel) for panel in panels for curve in panel.curves.values()):
        told.append("Pale: as logged; bold: the running mean over a fiftieth of the run.")
    if any(section.begins for section in sections):
        told.append("Dotted: a phase begins.")
    if any(panel.best for panel in panels):
        told.append("Ringed: the best.")
    return told


def _panel(axes: Axes, panel: Panel, begins: Sequence[int], colours: Mapping[str, str], known: frozenset[str]) -> None:
    """Draw one quantity: its name above at the left, those of its curves above at the right."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.set_title(panel.title, loc="left", parse_math=False)
    for name, curve in panel.curves.items():
        _curve(axes, curve, colours[name], name or None, panel)
    for step, value in panel.best:
        axes.plot(step, value, marker="o", markersize=7, markerfacecolor="none", color=INK, linestyle="none", zorder=5)
    for step in begins:
        axes.axvline(step, color="#999999", linewidth=0.7, linestyle=":", zorder=0)
    _legend(axes, panel, known)

    values = [value for curve in panel.curves.values() for _, value in curve if math.isfinite(value)]
    if values and not panel.exact and min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _curve(axes: Axes, curve: Curve, colour: str, name: str | None, panel: Panel) -> None:
    if not curve:
        return
    steps, values = np.array([step for step, _ in curve]), np.array([value for _, value in curve], dtype=float)
    values[~np.isfinite(values)] = math.nan
    dense = _is_dense(curve, panel)
    if dense:
        axes.plot(steps, values, color=colour, linewidth=0.5, alpha=0.35)
    # A curve of one point has no line.
    style: dict[str, Any] = {"marker": "." if panel.sparse or len(curve) == 1 else "", "markersize": 4}
    axes.plot(steps, running_mean(values, len(curve) // 50) if dense else values, color=colour, label=name, **style)


def _is_dense(curve: Curve, panel: Panel) -> bool:
    return len(curve) > DENSE and not panel.sparse and not panel.exact


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of the finite values within `width` places of each, (N,); a gap stays a gap."""
    finite = np.isfinite(values)
    sums, counts = (np.concatenate([[0.0], np.cumsum(x)]) for x in (np.where(finite, values, 0.0), finite))
    places = np.arange(len(values))
    first, last = np.maximum(places - width // 2, 0), np.minimum(places + width // 2 + 1, len(values))
    means = (sums[last] - sums[first]) / np.maximum(counts[last] - counts[first], 1)
    return np.where(finite, means, math.nan)


def _legend(axes: Axes, panel: Panel, known: frozenset[str]) -> None:
    names = [name for name, curve in panel.curves.items() if name and curve and name not in known]
    if not names:
        return
    # Beside the title, where no curve runs, if there is room.
    fits = len(panel.title) + sum(len(name) + 4 for name in names) <= TITLE_CHARACTERS
    where: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(names)} if fits else {}
    narrow: dict[str, Any] = {"handlelength": 1.0, "handletextpad": 0.4, "columnspacing": 0.9, "labelspacing": 0.25}
    legend = axes.legend(**where, **narrow, borderpad=0.2, borderaxespad=0.2, frameon=not fits, framealpha=0.8)
    legend.get_frame().set_linewidth(0)
