"""Error of reconstructions, as the pictures of reconstructions report it."""

from __future__ import annotations

from torch import Tensor


def mean_squared_error(x: Tensor, reconstructions: Tensor) -> float:
    """Return the mean squared error per coordinate, as the metric "reconstruction-error" computes it.

    `x` and `reconstructions` have the shape (N, *data_shape). Reconstructed images are clamped to [0, 1].
    """
    clamped = reconstructions.clamp(0, 1) if x.ndim == 4 else reconstructions
    return (clamped.double() - x.double()).square().mean().item()
