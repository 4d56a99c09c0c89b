"""Histograms of 2-D points over the box of a density, shared by the metrics of points."""

from __future__ import annotations

import numpy as np

from genkit.core.dataset import Dataset
from genkit.core.known_data import box_of_plane
from genkit.core.metric import Draws

BINS = 100
"""Number of cells of a histogram along each axis."""


def box_half_width(data: Dataset) -> float:
    """Return w of the box [-w, w]² of 2-D points that know it, a `BoxedDataset`. Raises `ValueError` for other data."""
    half_width = box_of_plane(data)
    if half_width is None:
        raise ValueError(
            "histograms need 2-D points of a density with a known box, such as 8-gaussians; samples of this data set "
            f"have shape {tuple(data.shape)}. Leave this metric out"
        )
    return half_width


def collect_points(draws: Draws, side: str) -> np.ndarray:
    """Return all points, (N, 2), in their own dtype. Raises `ValueError` if a point is not finite."""
    points = np.concatenate([chunk.cpu().numpy() for chunk in draws])
    not_finite = len(points) - int(np.isfinite(points).all(axis=1).sum())
    if not_finite:
        raise ValueError(f"{not_finite} of {len(points)} {side} samples are not finite")
    return points


def cell_counts(x: np.ndarray, half_width: float) -> np.ndarray:
    """Return how many of the points x, (N, 2), are in each cell of the box [-w, w]², (BINS, BINS)."""
    box = [[-half_width, half_width]] * 2
    return np.histogram2d(x[:, 0], x[:, 1], bins=BINS, range=box)[0]


def box_text(half_width: float) -> str:
    """Return the box [-w, w]² as a protocol states it."""
    return f"[-{half_width:g}, {half_width:g}] x [-{half_width:g}, {half_width:g}]"


def box_details(half_width: float) -> dict[str, str | int | float]:
    """Return the details of a protocol that describe the box and its cells."""
    return {"box": box_text(half_width), "bins": f"{BINS} x {BINS}"}
