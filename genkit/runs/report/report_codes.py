"""The latent space of a report: codes of held-out samples over draws of the prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genkit.pages.chart import Chart
from genkit.pages.scatter_chart import scatter_chart
from genkit.runs.on_disk.run_folder import RunFolder
from genkit.runs.training.latent_dimensions import read_dimensions

CODES = "codes.npy"  # among the figures
NOT_KNOWN = ("one latent dimension", "another latent dimension")  # of a run before dimensions were kept


@dataclass(frozen=True)
class LatentSpace:
    """The picture of the latent space."""

    chart: Chart
    chosen_of: str  # "16" if two of so many dimensions are shown, "several" if that is not known; empty for all


def latent_space_of(folder: RunFolder, recipe: Mapping[str, Any]) -> LatentSpace | None:
    """Return the codes of held-out samples beside draws of the prior; None before the end of a run, or if damaged."""
    path = folder.figures / CODES
    try:
        codes = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if codes.ndim != 3 or codes.shape[::2] != (2, 2) or codes.dtype.kind != "f":
        return None
    held_out, prior = (list(map(tuple, each.tolist())) for each in codes)
    points = {"draws of the prior": prior, "held-out samples": held_out}
    model = recipe.get("model")
    latent_dim = model.get("latent_dim") if isinstance(model, Mapping) else None
    x, y = read_dimensions(path) or (("z1", "z2") if latent_dim == 2 else NOT_KNOWN)
    chosen_of = "" if latent_dim == 2 else "several" if latent_dim is None else str(latent_dim)
    return LatentSpace(scatter_chart("Latent space", points, x_title=x, y_title=y), chosen_of)
