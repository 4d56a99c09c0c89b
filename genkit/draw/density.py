"""Picture of a model of points in the plane, in three panels: the data, the model's samples, the model's density.

The density of an autoencoder is its unnormalised density exp(-(KL + R)) at z = μ(x), as in Figure 2 of AS-IntroVAE,
https://arxiv.org/abs/2206.13903, after https://github.com/taldatech/soft-intro-vae-pytorch, `soft_intro_vae_2d`.
Deviations from the published script: a perceptually uniform colour map (magma) instead of jet, which shows edges that
do not exist; y points upwards, as in the scatter plots; 256² cells with values at their centres instead of 1024² nodes;
the density is divided by its maximum, because a density that underflows would give a blank picture.

A model without an encoder, or whose networks need a class, has no such density. Its third panel shows a histogram of
the samples, as a square root, because otherwise one sharp mode would make the other modes invisible.
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genkit.core.elbo import energy
from genkit.core.model import Autoencoder, Model
from genkit.draw.style import COLOURS, new_figure
from genkit.evaluation.samples import in_chunks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESOLUTION = 256  # cells of the density along each axis
BINS = 100  # cells of the histogram along each axis; with more, most would be empty for a few thousand samples


def save_density_panels(
    path: Path, model: Model, samples: Tensor, reference: Tensor, title: str, half_width: float
) -> None:
    """Write the panels of data, samples and density as PNG, each showing the square [-half_width, half_width]².

    `samples` of the model and `reference` samples of the data have shapes (N, 2) and (M, 2). `model` is in evaluation
    mode.
    """
    samples, reference = samples.detach().cpu().double(), reference.detach().cpu().double()

    with new_figure(path, title, width=9.0, height=3.3) as figure:
        data_axes, sample_axes, density_axes = figure.subplots(1, 3)

        data_axes.set_title("data")
        draw_points(data_axes, reference, COLOURS[0])

        sample_axes.set_title(f"samples{_share_outside(samples, half_width)}")
        draw_points(sample_axes, reference, "#AAAAAA")
        draw_points(sample_axes, samples, COLOURS[1])

        if isinstance(model, Autoencoder) and not model.needs_class:
            density_axes.set_title("density exp(−(KL + R)), unnormalised")
            shown = relative_density(energy_map(model, half_width))
        else:
            density_axes.set_title("√ density of the samples (histogram)")
            shown = histogram(samples, half_width).sqrt()
        extent = (-half_width, half_width, -half_width, half_width)
        density_axes.imshow(shown.numpy(), cmap="magma", vmin=0, origin="lower", extent=extent)

        for axes in (data_axes, sample_axes, density_axes):
            show_square(axes, half_width)


def half_width_of(points: Tensor) -> float:
    """Return the half-width of a square around the origin that contains all finite points, (N, 2), with a margin.

    The margin is a fifth, and the half-width is rounded up to a multiple of ½.
    """
    finite = points[points.isfinite()].abs()
    return max(0.5, math.ceil(2 * 1.2 * finite.max().item()) / 2) if len(finite) else 0.5


@torch.no_grad()
def energy_map(model: Autoencoder, half_width: float, resolution: int = RESOLUTION) -> Tensor:
    """Return the energy KL + R at the centres of resolution² cells of the square, in float64 on the CPU.

    The first index is y, the second x; both increase.
    """
    weight = next(model.parameters())
    centres = (torch.arange(resolution, dtype=torch.float64) + 0.5) * (2 * half_width / resolution) - half_width
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack([x, y], dim=-1).reshape(-1, 2).to(weight)
    energies = in_chunks(partial(energy, model), points, model.data_shape)
    return energies.double().reshape(resolution, resolution)


def relative_density(energies: Tensor) -> Tensor:
    """Return exp(-energy) divided by its maximum. A cell whose energy is NaN stays NaN, which is drawn blank."""
    lowest = energies.nan_to_num(nan=math.inf, posinf=math.inf).min()
    return (lowest - energies).exp()


def histogram(samples: Tensor, half_width: float, bins: int = BINS) -> Tensor:
    """Return the density of samples, (N, 2), on bins² cells of the square. The first index is y, the second x.

    Samples outside the square are included in the total: the densities sum to the share of the samples inside, divided
    by the area of a cell. Samples that are not finite are outside.
    """
    cell = 2 * half_width / bins
    index = ((samples + half_width) / cell).floor()
    inside = ((index >= 0) & (index < bins)).all(dim=1)
    flat = index[inside].long() @ torch.tensor([1, bins])
    counts = torch.bincount(flat, minlength=bins * bins).reshape(bins, bins)
    return counts.double() / (len(samples) * cell**2)


def show_square(axes: Axes, half_width: float) -> None:
    """Set the limits of the axes to the square [-half_width, half_width]², with three ticks."""
    ticks = (-half_width, 0, half_width)
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width), aspect="equal", xticks=ticks, yticks=ticks)


def draw_points(axes: Axes, points: Tensor, colour: str) -> None:
    """Draw points, (N, 2), as small dots."""
    axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), s=1.5, color=colour, linewidths=0)


def _share_outside(samples: Tensor, half_width: float) -> str:
    """Return a note on the share of the samples outside the square; empty if there are none."""
    share = 1 - (samples.abs() <= half_width).all(dim=1).double().mean().item()
    return f" ({share:.1%} outside)" if share > 0 else ""
