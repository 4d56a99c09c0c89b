"""Picture of curves over the steps of a run: small panels in sections, for one run or for a comparison of runs."""

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

Curve = Sequence[tuple[int, float]]  # (step, value); a value that is not finite makes a gap

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT, HEADING_HEIGHT, KEY_HEIGHT = 3.2, 1.75, 0.3, 0.25  # in inches
LOGARITHMIC = 50  # a positive quantity that changes by more than this factor has a logarithmic axis
HEADER_CHARACTERS = 42  # of the title and the names of the curves that fit above a panel
FEW = 20  # points of a curve of a short run, of which each has a marker
DENSE = 150  # a curve with more points is drawn pale, with its running mean in full colour


@dataclass(frozen=True)
class Panel:
    """Panel of one quantity."""

    title: str
    curves: Mapping[str, Curve]  # by name; "" for a curve that needs no name
    sparse: bool = False  # few points: each has a marker
    exact: bool = False  # values set by the recipe: drawn without a running mean and on a linear axis
    best: Sequence[tuple[int, float]] = ()  # points with a ring

    @property
    def is_logarithmic(self) -> bool:
        """Whether the axis is: a positive quantity changes much, and no recipe has set it."""
        values = [value for curve in self.curves.values() for _, value in curve if math.isfinite(value)]
        return not self.exact and bool(values) and 0 < LOGARITHMIC * min(values) < max(values)


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    heading: str
    panels: Sequence[Panel]
    begins: Sequence[int] = field(default=())  # first steps of phases: a dotted line in each panel


def save_curve_panels(path: Path, sections: Sequence[Section], title: str, key: Sequence[str] = ()) -> None:
    """Write sections of panels as PNG, one below the other. A name has the same colour in all panels.

    One legend at the top shows the names in `key`; the legends of the panels show the other names.
    """
    sections = [section for section in sections if section.panels]
    panels = [panel for section in sections for panel in section.panels]
    colours = _colours_of(panels, key)
    notes = " ".join(panel_notes(sections))
    # One grid for all sections, so that their columns align. A section has a row for its heading, then rows of panels.
    heights: list[float] = [KEY_HEIGHT] if key else []
    for section in sections:
        heights += [HEADING_HEIGHT, *[PANEL_HEIGHT] * _rows_of(section)]
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
            _heading(_text_row(figure, grid, row), section.heading)
            for number, panel in enumerate(section.panels):
                axes = figure.add_subplot(grid[row + 1 + number // COLUMNS, number % COLUMNS])
                _panel(axes, panel, section.begins, colours, frozenset(key))
                axes.set_xlim(-0.02 * end, 1.02 * end)
                if number >= len(section.panels) - COLUMNS:  # the lowest panel of its column
                    axes.set_xlabel("step", labelpad=1)
            row += 1 + _rows_of(section)


def _colours_of(panels: Sequence[Panel], key: Sequence[str]) -> dict[str, str]:
    names = dict.fromkeys([*key, *(name for panel in panels for name in panel.curves if name)])
    return {"": INK} | {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def _rows_of(section: Section) -> int:
    return math.ceil(len(section.panels) / COLUMNS)


def _text_row(figure: Figure, grid: GridSpec, row: int) -> Axes:
    axes = figure.add_subplot(grid[row, :])
    axes.set_axis_off()
    return axes


def _heading(axes: Axes, heading: str) -> None:
    axes.text(0, 0, heading, fontsize=8.5, fontweight="bold", color=INK, parse_math=False)


def _key(axes: Axes, colours: Mapping[str, str]) -> None:
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    axes.legend(handles=lines, loc="center left", ncols=min(len(lines), 4), frameon=False, borderpad=0)


def panel_notes(sections: Sequence[Section]) -> list[str]:
    """Return the notes that explain the marks in the panels."""
    panels = [panel for section in sections for panel in section.panels]
    notes = []
    if any(_is_dense(curve, panel) for panel in panels for curve in panel.curves.values()):
        notes.append("Pale: logged values; bold: their running mean over a fiftieth of the run.")
    if any(section.begins for section in sections):
        notes.append("Dotted: start of a phase.")
    if any(panel.best for panel in panels):
        notes.append("Ring: the best value.")
    return notes


def _panel(axes: Axes, panel: Panel, begins: Sequence[int], colours: Mapping[str, str], known: frozenset[str]) -> None:
    """Draw one panel: the title above on the left, the names of the curves above on the right."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.set_title(panel.title, loc="left", parse_math=False)
    for name, curve in panel.curves.items():
        _curve(axes, curve, colours[name], name or None, panel)
    for step, value in panel.best:
        axes.plot(step, value, marker="o", markersize=7, markerfacecolor="none", color=INK, linestyle="none", zorder=5)
    for step in begins:
        axes.axvline(step, color="#999999", linewidth=0.7, linestyle=":", zorder=0)
    _legend(axes, panel, known)

    if panel.is_logarithmic:
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
    style: dict[str, Any] = {"marker": "." if panel.sparse or len(curve) <= FEW else "", "markersize": 4}
    axes.plot(steps, running_mean(values, len(curve) // 50) if dense else values, color=colour, label=name, **style)


def _is_dense(curve: Curve, panel: Panel) -> bool:
    return len(curve) > DENSE and not panel.sparse and not panel.exact


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of the finite values in a window around each value, (N,). A value that is not finite becomes NaN.

    A window has `width` values, or `width` + 1 if `width` is even; it is shorter at the ends.
    """
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
    # Next to the title if there is room, because the legend covers no curve there.
    fits = len(panel.title) + sum(len(name) + 4 for name in names) <= HEADER_CHARACTERS
    where: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(names)} if fits else {}
    narrow: dict[str, Any] = {"handlelength": 1.0, "handletextpad": 0.4, "columnspacing": 0.9, "labelspacing": 0.25}
    legend = axes.legend(**where, **narrow, borderpad=0.2, borderaxespad=0.2, frameon=not fits, framealpha=0.8)
    legend.get_frame().set_linewidth(0)
