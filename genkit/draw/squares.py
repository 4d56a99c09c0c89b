"""Squares of the plane without a title, for pages that show several runs beside each other at one scale.

Data are grey and what a model makes is black, since a colour stands for a run on such a page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from genkit.core.model import Autoencoder, Model
from genkit.draw.density import draw_points, energy_map, histogram, relative_density, show_square
from genkit.draw.scatter import GREY, draw_segments
from genkit.draw.style import INK, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 3.0  # in inches


def save_samples_square(path: Path, samples: Tensor, reference: Tensor | None, half_width: float) -> None:
    """Write samples, (N, 2), over the data, (M, 2), in grey, as PNG: the square [-half_width, half_width]²."""
    with _square(path, half_width) as axes:
        if reference is not None:
            draw_points(axes, reference.double(), GREY)
        draw_points(axes, samples.double(), INK)


def save_density_square(path: Path, model: Model, samples: Tensor, half_width: float) -> str:
    """Write the density of a model as PNG; return what is shown.

    An autoencoder has its unnormalised density exp(-(KL + R)), another model a histogram of its samples, (N, 2).
    """
    if isinstance(model, Autoencoder) and not model.needs_class:
        shown, text = relative_density(energy_map(model, half_width)), "density exp(−(KL + R)), unnormalised"
    else:
        shown, text = histogram(samples.double(), half_width).sqrt(), "√ density of the samples (histogram)"
    with _square(path, half_width) as axes:
        extent = (-half_width, half_width, -half_width, half_width)
        axes.imshow(shown.numpy(), cmap="magma", vmin=0, origin="lower", extent=extent)
    return text


def save_reconstructions_square(path: Path, inputs: Tensor, outputs: Tensor, half_width: float) -> None:
    """Write inputs and their reconstructions, each (N, 2), as PNG, with a line from each input to its own."""
    with _square(path, half_width) as axes:
        draw_segments(axes, inputs, outputs, (GREY, INK))


@contextmanager
def _square(path: Path, half_width: float) -> Iterator[Axes]:
    with new_figure(path, "", SIDE, SIDE) as figure:
        axes = figure.subplots()
        yield axes
        show_square(axes, half_width)
