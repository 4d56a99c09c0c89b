"""Three panels for points in the plane: the data, the model's samples, the model's density.

The density of an autoencoder is its own, unnormalised one, exp(-(KL + R)) at z = μ(x), as in Figure 2 of AS-IntroVAE,
https://arxiv.org/abs/2206.13903, after https://github.com/taldatech/soft-intro-vae-pytorch, `soft_intro_vae_2d`.
Deviations from the published script: a perceptually uniform map (magma) instead of jet, which shows edges where there
are none; y grows upwards, so that the density lies as the scatter does; 256² cells, valued at their centres, instead
of 1024² nodes; shown relative to its maximum, since a density that underflows would be a blank picture.

A model without an encoder has no such density, and a histogram of its samples stands in its place, as a square root,
since one sharp mode would leave the others dark.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from genkit.core.elbo import kl_to_prior, squared_error
from genkit.core.model import Autoencoder, Model
from genkit.draw.style import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RESOLUTION = 256  # cells of the density along each axis
BINS = 100  # cells of the histogram along each axis: a few thousand samples fill no more
CHUNK = 8192  # points that the networks see at once


def save_points(path: Path, model: Model, samples: Tensor, reference: Tensor, title: str, half_width: float) -> None:
    """Write data, samples and density as PNG, on the square [-half_width, half_width]².

    `samples` and `reference` have shapes (N, 2) and (M, 2). `model` is in evaluation mode.
    """
    samples, reference = samples.detach().cpu().double(), reference.detach().cpu().double()

    with new_figure(path, title, width=9.0, height=3.3) as figure:
        data_axes, sample_axes, density_axes = figure.subplots(1, 3)

        data_axes.set_title("data")
        scatter(data_axes, reference, COLOURS[0])

        sample_axes.set_title(f"samples{_outside(samples, half_width)}")
        scatter(sample_axes, reference, "#AAAAAA")
        scatter(sample_axes, samples, COLOURS[1])

        if isinstance(model, Autoencoder):
            density_axes.set_title("density exp(−(KL + R)), unnormalised")
            shown = relative_density(energy_map(model, half_width))
        else:
            density_axes.set_title("√ density of the samples (histogram)")
            shown = histogram(samples, half_width).sqrt()
        extent = (-half_width, half_width, -half_width, half_width)
        density_axes.imshow(shown.numpy(), cmap="magma", vmin=0, origin="lower", extent=extent)

        for axes in (data_axes, sample_axes, density_axes):
            frame(axes, half_width)


def box(reference: Tensor) -> float:
    """Return the half-width of a square around the origin with a margin around all finite points, a multiple of ½."""
    finite = reference[reference.isfinite()].abs()
    return max(0.5, math.ceil(2 * 1.2 * finite.max().item()) / 2) if len(finite) else 0.5


@torch.no_grad()
def energy_map(model: Autoencoder, half_width: float, resolution: int = RESOLUTION) -> Tensor:
    """Return the energy KL + R at the centres of resolution² cells of the box, [y, x], both increasing; on the CPU."""
    weight = next(model.parameters())
    centres = (torch.arange(resolution, dtype=torch.float64) + 0.5) * (2 * half_width / resolution) - half_width
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack([x, y], dim=-1).reshape(-1, 2).to(weight)
    energies = [energy(model, chunk).cpu().double() for chunk in points.split(CHUNK)]
    return torch.cat(energies).reshape(resolution, resolution)


def energy(model: Autoencoder, x: Tensor) -> Tensor:
    """Return KL(q(z|x) || p(z)) + R(x, D(μ(x))) in nats, (B, 2) -> (B,): -log of the unnormalised density."""
    posterior = model.encoder(x)
    return kl_to_prior(posterior) + squared_error(x, model.decoder(posterior.mu))


def relative_density(energies: Tensor) -> Tensor:
    """Return exp(-energy) over its maximum; a cell whose energy is not a number stays so, and is left blank."""
    lowest = energies.nan_to_num(nan=math.inf, posinf=math.inf).min()
    return (lowest - energies).exp()


def histogram(samples: Tensor, half_width: float, bins: int = BINS) -> Tensor:
    """Return the density of samples, (N, 2), on bins² cells of the box, [y, x], both increasing.

    Samples outside count in the total: the cells sum to the share inside over a cell's area.
    """
    # Cells by number; a sample that is not a number lies in none.
    cell = 2 * half_width / bins
    index = ((samples + half_width) / cell).floor()
    inside = ((index >= 0) & (index < bins)).all(dim=1)
    flat = index[inside].long() @ torch.tensor([1, bins])
    counts = torch.bincount(flat, minlength=bins * bins).reshape(bins, bins)
    return counts.double() / (len(samples) * cell**2)


def frame(axes: Axes, half_width: float) -> None:
    """Show the square [-half_width, half_width]², with few ticks."""
    ticks = (-half_width, 0, half_width)
    axes.set(xlim=(-half_width, half_width), ylim=(-half_width, half_width), aspect="equal", xticks=ticks, yticks=ticks)


def scatter(axes: Axes, points: Tensor, colour: str) -> None:
    """Draw points, (N, 2), as small dots."""
    axes.scatter(points[:, 0].numpy(), points[:, 1].numpy(), s=1.5, color=colour, linewidths=0)


def _outside(samples: Tensor, half_width: float) -> str:
    """Say which share of the samples the panel does not show, if any."""
    share = 1 - (samples.abs() <= half_width).all(dim=1).double().mean().item()
    return f" ({share:.1%} outside)" if share > 0 else ""
