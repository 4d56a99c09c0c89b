"""Picture of the scores of several sets: one panel a set, over the scores of the normal set."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genkit.draw.style import COLOURS, INK, NOTE_INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, PANEL, MARGINS = 6.4, 1.35, 0.95  # in inches
MOST_BINS, FEWEST_BINS = 60, 20
NORMAL = "#BBBBBB"
LOGARITHMIC = 20  # positive scores that differ by more than this factor have a logarithmic axis
TITLE_CHARACTERS, NOTE_CHARACTERS, NAME_CHARACTERS = 80, 115, 40


class SetOfScores(NamedTuple):
    """Scores with the name of their set."""

    name: str
    scores: np.ndarray  # (N,), finite


def save_score_histogram(
    path: Path, normal: SetOfScores, others: Sequence[SetOfScores], threshold: float, title: str, score: str, note: str
) -> None:
    """Write the histograms as PNG: in each panel those of one other set and of the normal set, as shares of the set.

    All panels have the same bins. A dashed line marks the threshold; the share of the set above it is in the panel.
    `score` names the axis.
    """
    from matplotlib.ticker import LogFormatter, MaxNLocator

    note = "\n".join(textwrap.wrap(note, NOTE_CHARACTERS))
    height = PANEL * len(others) + MARGINS + 0.12 * note.count("\n")
    with new_figure(path, "\n".join(textwrap.wrap(title, TITLE_CHARACTERS)), WIDTH, height) as figure:
        edges, logarithmic = _edges([normal.scores, *(other.scores for other in others)])
        panels = figure.subplots(len(others), sharex=True, squeeze=False)[:, 0]
        for number, (axes, other) in enumerate(zip(panels, others, strict=True)):
            colour = COLOURS[number % len(COLOURS)]
            _panel(axes, edges, normal, other, threshold, colour)
            if logarithmic:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(LogFormatter())
                axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
            axes.yaxis.set_major_locator(MaxNLocator(4, min_n_ticks=2))
        panels[-1].set_xlabel(score, parse_math=False)
        panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False, borderaxespad=0.1)
        figure.supylabel("share of the set", fontsize=8)
        figure.supxlabel(note, x=0.01, ha="left", fontsize=7, color=NOTE_INK, parse_math=False)


def _panel(
    axes: Axes, edges: Sequence[float], normal: SetOfScores, other: SetOfScores, threshold: float, colour: str
) -> None:
    axes.hist(normal.scores, edges, weights=_shares(normal.scores), color=NORMAL, label=_shown(normal))
    axes.hist(other.scores, edges, weights=_shares(other.scores), histtype="step", linewidth=1.2, color=colour)
    axes.axvline(threshold, color=INK, linewidth=0.9, linestyle="--", label=f"threshold {threshold:.4g}")
    above = float((other.scores > threshold).mean())
    axes.set_title(f"{_shown(other)}: {above:.1%} above", loc="left", color=colour, parse_math=False)
    axes.margins(x=0.01)
    axes.spines[["top", "right"]].set_visible(False)


def _edges(scores: Sequence[np.ndarray]) -> tuple[list[float], bool]:
    """Return the edges of the bins, and whether their axis is logarithmic. The smallest set decides their number."""
    bins = min(MOST_BINS, max(FEWEST_BINS, round(2 * math.sqrt(min(map(len, scores))))))
    low, high = min(float(each.min()) for each in scores), max(float(each.max()) for each in scores)
    if low > 0 and high > LOGARITHMIC * low:
        inner = np.geomspace(low, high, bins + 1)[1:-1].tolist()
        return [low, *inner, high], True  # rounding must not leave out the extremes
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, bins + 1).tolist(), False


def _shares(scores: np.ndarray) -> np.ndarray:
    return np.full(len(scores), 1 / len(scores))


def _shown(named: SetOfScores) -> str:
    name = named.name if len(named.name) <= NAME_CHARACTERS else f"...{named.name[3 - NAME_CHARACTERS :]}"
    return f"{name} ({len(named.scores):,})"
