"""A figure of all models of a table, a panel for each cell, for models of points in the plane.

The figure follows Figure 2 of AS-IntroVAE, https://arxiv.org/abs/2206.13903. `genkit.draw.density` explains what is
drawn, and how it differs from the published script.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from genkit.core.known_data import box_of_plane
from genkit.core.model import Autoencoder
from genkit.draw.density import energy_map, histogram, relative_density
from genkit.draw.style import new_figure
from genkit.errors import UsageError
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.trained_models.load import load
from genkit.runs.trained_models.trained import draw_samples, open_trained
from genkit.storage.os_errors import describe_os_error
from genkit.tables.experiment import Experiment
from genkit.tables.spec import TableSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIDE = 1.35  # side of a panel, in inches
SAMPLES = 5000  # in the histogram of a model without an encoder


def save_figure(path: Path, table: TableSpec, experiments: Sequence[Experiment], runs: Path) -> None:
    """Draw the model of each cell, trained with the first seed, as PNG. Raises `UsageError` if it cannot be written."""
    seed = table.seeds[0]
    in_cell = {(each.cell.row, each.cell.column): each for each in experiments if each.seed == seed}
    width, height = 1.2 + SIDE * len(table.columns), 0.7 + SIDE * len(table.rows)
    try:
        with new_figure(path, f"{table.title}: densities, seed {seed}", width, height) as figure:
            panels = figure.subplots(len(table.rows), len(table.columns), squeeze=False)
            for i, (row, row_spec) in enumerate(table.rows.items()):
                for j, (column, column_spec) in enumerate(table.columns.items()):
                    axes = panels[i][j]
                    axes.set(xticks=[], yticks=[], aspect="equal", facecolor="#EEEEEE")
                    if i == 0:
                        axes.set_title(column_spec.title or column, parse_math=False)
                    if j == 0:
                        axes.set_ylabel(row_spec.title or row, parse_math=False)
                    _draw(axes, in_cell.get((row, column)), runs)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {describe_os_error(error, path)}.") from None


def check_figure(path: Path, experiments: Sequence[Experiment]) -> None:
    """Raise `UsageError` unless `path` is the name of a PNG file and all models are of densities in the plane."""
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UsageError(f"{path}: not a PNG file. Choose a name such as {path.stem or 'figure'}.png.")
    for experiment in experiments:
        try:
            half_width = box_of_plane(experiment.plan.data)
        except ValueError as error:
            raise UsageError(f"{experiment.cell}: cannot be drawn: {error}.") from None
        if half_width is None:
            raise UsageError(f"{experiment.cell}: cannot be drawn, because its data are not a density in the plane.")


def _draw(axes: Axes, experiment: Experiment | None, runs: Path) -> None:
    if experiment is None:
        axes.set_axis_off()
        return
    w = box_of_plane(experiment.plan.data)
    assert w is not None  # ensured by check_figure
    folder = RunFolder(runs / experiment.run)
    if not folder.finished:
        axes.text(0.5, 0.5, "no run here", ha="center", va="center", transform=axes.transAxes)
        return

    model = load(folder.path)
    if isinstance(model, Autoencoder):
        density = relative_density(energy_map(model, w))
    else:
        samples = draw_samples(open_trained(folder.path), SAMPLES, experiment.seed)
        density = histogram(samples.double(), w).sqrt()
    axes.imshow(torch.as_tensor(density).numpy(), cmap="magma", vmin=0, origin="lower", extent=(-w, w, -w, w))
