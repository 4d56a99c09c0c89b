"""Points in the plane, and the histograms of them that several metrics compare."""

from __future__ import annotations

import numpy as np

from genkit.core.metric import Draws
from genkit.core.types import Dataset
from genkit.parts.datasets.base.density import DensitySet

BINS = 100  # a side


def half_width_of(data: Dataset) -> float:
    """Return half the side of the box that `data` states. Raises `ValueError` unless it is a density in the plane."""
    if not isinstance(data, DensitySet) or tuple(data.shape) != (2,):
        raise ValueError(
            "histograms are taken of points in the plane, from a density that states its box; "
            f"the samples here have the shape {tuple(data.shape)}"
        )
    return data.half_width


def points(draws: Draws, whose: str) -> np.ndarray:
    """Return all points, (N, 2), in the dtype they have. Raises `ValueError` if any is not finite."""
    drawn = np.concatenate([chunk.cpu().numpy() for chunk in draws])
    lost = len(drawn) - int(np.isfinite(drawn).all(axis=1).sum())
    if lost:
        raise ValueError(f"{lost} of {len(drawn)} {whose} samples are not finite")
    return drawn


def counts(x: np.ndarray, half_width: float) -> np.ndarray:
    """Return how many of the points x, (N, 2), lie in each cell of the box [-w, w]², (BINS, BINS)."""
    box = [[-half_width, half_width]] * 2
    return np.histogram2d(x[:, 0], x[:, 1], bins=BINS, range=box)[0]


def box_details(half_width: float) -> dict[str, str | int | float]:
    """Return the part of a protocol that says where points are counted."""
    return {"box": f"[-{half_width:g}, {half_width:g}] x [-{half_width:g}, {half_width:g}]", "bins": f"{BINS} x {BINS}"}
