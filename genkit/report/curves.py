"""The terms of a run over its steps: one small panel a term."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.report.figure import COLOURS, INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = list[tuple[int, float]]  # (step, value)
Panels = dict[str, dict[str, Curve]]  # term -> phase -> curve

COLUMNS = 3
WIDE = 50  # a positive term that changes by more than this factor is shown on a logarithmic axis
TITLE_CHARACTERS = 36  # a term and the names of its phases that fit above a panel
LEARNING_RATE = "learning rate"


def save_curves(path: Path, lines: Sequence[Mapping[str, Any]], title: str) -> None:
    """Write the numbers of a journal as PNG: a panel for each term, in it a curve for each phase that has it.

    A line is {"step": 100, "encoder/rec": 1.2, "lr/encoder": 2e-4, ...}: "PHASE/TERM", besides "lr/CHILD".
    A phase has one colour in all panels. Values that are no finite numbers leave a gap.
    """
    panels = panels_of(lines)
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    columns = min(COLUMNS, max(2, len(panels)))  # one panel would be too narrow for the title
    rows = max(1, math.ceil(len(panels) / columns))

    with new_figure(path, title, width=3.2 * columns, height=0.4 + 1.9 * rows) as figure:
        if not panels:
            figure.text(0.5, 0.4, "no numbers were recorded", ha="center", color=INK)
            return
        places = list(figure.subplots(rows, columns, sharex=True, squeeze=False).flat)
        for axes, (term, curves) in zip(places, panels.items()):
            _panel(axes, term, curves, colours)
        # The lowest of each column; sharex hides the step above an empty place.
        for axes in places[len(panels) - min(columns, len(panels)) : len(panels)]:
            axes.tick_params(labelbottom=True)
            axes.set_xlabel("step")
        for axes in places[len(panels) :]:
            axes.set_axis_off()


def panels_of(lines: Sequence[Mapping[str, Any]]) -> Panels:
    """Sort the numbers of a journal by term and phase, in order of appearance; the learning rate comes last."""
    panels: Panels = {}
    for line in lines:
        for key, value in line.items():
            if key in ("step", "t") or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            phase, _, term = key.rpartition("/")
            if phase == "lr":
                phase, term = term, LEARNING_RATE
            point = (line["step"], value if math.isfinite(value) else math.nan)
            panels.setdefault(term, {}).setdefault(phase, []).append(point)
    return dict(sorted(panels.items(), key=lambda item: item[0] == LEARNING_RATE))


def _panel(axes: Axes, term: str, curves: Mapping[str, Curve], colours: Mapping[str, str]) -> None:
    """Draw one term: its name above at the left, the phases' names above at the right."""
    from matplotlib.ticker import EngFormatter, MaxNLocator

    axes.set_title(term, loc="left", parse_math=False)
    for name, curve in curves.items():
        # A curve of one point has no line.
        axes.plot(*zip(*curve), label=name, color=colours[name], marker="." if len(curve) == 1 else "")
    if any(curves):
        # Beside the title, where no curve runs, if there is room.
        fits = len(term) + sum(len(name) + 3 for name in curves) <= TITLE_CHARACTERS
        where: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(curves)} if fits else {}
        narrow: dict[str, Any] = {"handlelength": 1.0, "handletextpad": 0.4, "columnspacing": 0.9}
        axes.legend(**where, **narrow, borderpad=0.2, borderaxespad=0.2, frameon=False)

    values = [value for curve in curves.values() for _, value in curve if not math.isnan(value)]
    if values and min(values) > 0 and max(values) > WIDE * min(values):
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.grid(color="#E6E6E6", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
