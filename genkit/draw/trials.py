"""Picture of a search: the value of each trial against each searched key."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.draw.style import COLOURS, INK, NOTE_INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = 3
PANEL_WIDTH, PANEL_HEIGHT, MARGINS = 3.2, 2.3, 0.9  # in inches
LEAST_WIDTH = 4.6  # of the picture, so that its legend has room
TITLE_CHARACTERS, NOTE_CHARACTERS = 12, 18  # per inch of width
LABEL_CHARACTERS = 16  # of a listed value
BEST, OTHER, PRUNED, LOST = COLOURS[1], COLOURS[0], COLOURS[6], COLOURS[7]
MARKS = {  # by kind: label, marker, colour, colour of the inside
    "other": ("trial", "o", OTHER, OTHER),
    "pruned": ("stopped early", "o", PRUNED, "none"),
    "lost": ("diverged or failed", "x", LOST, LOST),
    "best": ("best", "o", BEST, BEST),
}


@dataclass(frozen=True)
class DrawnTrial:
    """One trial: its values by key, its number with its spread, and how it is marked."""

    params: Mapping[str, object]
    value: float | None  # None: at the edge of the panel
    spread: float = 0.0
    kind: str = "other"  # a key of `MARKS`


@dataclass(frozen=True)
class DrawnKey:
    """One panel: a searched key."""

    name: str
    listed: Sequence[str] = ()  # the values of a key that has no range, in order
    log: bool = False


def save_trials(
    path: Path, keys: Sequence[DrawnKey], trials: Sequence[DrawnTrial], metric: str, title: str, note: str
) -> None:
    """Write a panel for each key as PNG. Bars are one standard deviation over the seeds; `metric` names the axis."""
    columns = min(COLUMNS, len(keys))
    rows = math.ceil(len(keys) / columns)
    width = max(LEAST_WIDTH, PANEL_WIDTH * columns)
    title = "\n".join(textwrap.wrap(title, int(TITLE_CHARACTERS * width)))
    note = "\n".join(textwrap.wrap(note, int(NOTE_CHARACTERS * width)))
    height = PANEL_HEIGHT * rows + MARGINS + 0.14 * (title.count("\n") + note.count("\n"))
    with new_figure(path, title, width, height) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for number, (axes, key) in enumerate(zip(panels, keys)):
            _panel(axes, key, trials, alone=len(keys) == 1)
            if number % columns == 0:
                axes.set_ylabel(metric, parse_math=False)
        for axes in panels[len(keys) :]:
            axes.set_axis_off()
        by_label = dict(zip(*reversed(panels[0].get_legend_handles_labels())))
        _legend(panels[0], by_label)
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7, color=NOTE_INK, parse_math=False)


def _panel(axes: Axes, key: DrawnKey, trials: Sequence[DrawnTrial], *, alone: bool) -> None:
    if key.log:
        axes.set_xscale("log")
        _plain_ticks(axes, (2, 0.5) if alone else (1.6, 0.4))
    for kind, (label, marker, colour, inside) in MARKS.items():
        drawn = [trial for trial in trials if trial.kind == kind]
        inner = [(trial, trial.value) for trial in drawn if trial.value is not None]
        style: dict[str, Any] = {
            "marker": marker,
            "color": colour,
            "markerfacecolor": inside,
            "markersize": 4.5,
            "linestyle": "none",
        }
        if inner:
            axes.errorbar(
                [_place(trial, key) for trial, _ in inner],
                [value for _, value in inner],
                yerr=[trial.spread for trial, _ in inner],
                label=label,
                elinewidth=0.8,
                zorder=4 if kind == "best" else 3,
                **style,
            )
        if outer := [_place(trial, key) for trial in drawn if trial.value is None]:
            across = axes.get_xaxis_transform()  # x in values of the key, y as a share of the panel
            axes.plot(outer, [0.98] * len(outer), transform=across, label=label, clip_on=False, **style)
    if key.listed:
        shown = [textwrap.shorten(text.strip('"'), LABEL_CHARACTERS, placeholder="...") for text in key.listed]
        axes.set_xticks(range(len(shown)), shown, rotation=30 if max(map(len, shown)) > 8 else 0, parse_math=False)
        axes.set_xlim(-0.5, len(shown) - 0.5)
    axes.set_xlabel(key.name, parse_math=False)
    axes.grid(axis="y", linewidth=0.4, color="#DDDDDD")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)


def _legend(axes: Axes, by_label: Mapping[str, Any]) -> None:
    """Show the kinds of trials above the first panel, in a line as high as a title that may be wider than the panel."""
    axes.set_title(" ")
    place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "borderpad": 0.2}
    legend = axes.legend(
        list(by_label.values()), list(by_label), ncols=4, frameon=False, handletextpad=0.1, columnspacing=1.2, **place
    )
    legend.set_in_layout(False)


def _plain_ticks(axes: Axes, decades: tuple[float, float]) -> None:
    """Write 10 and 100 in place of powers of ten, and labels between them up to that many decades."""
    from matplotlib.ticker import LogFormatter

    axes.xaxis.set_major_formatter(LogFormatter())
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=decades))


def _place(trial: DrawnTrial, key: DrawnKey) -> float:
    value = trial.params[key.name]
    return float(key.listed.index(str(value))) if key.listed else float(str(value))
