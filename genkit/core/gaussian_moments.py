"""Mean and covariance of vectors that arrive in chunks, computed in one pass."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor


class GaussianMoments(NamedTuple):
    """The mean and the covariance of a Gaussian."""

    mean: Tensor
    """The mean, (F,) float64."""
    covariance: Tensor
    """The covariance, (F, F) float64."""


def fit_gaussian(chunks: Iterable[Tensor]) -> GaussianMoments:
    """Return the mean and the unbiased covariance of all rows of all chunks, (n, F) float64; at least two rows in all.

    Chunks are merged by the update of Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115.
    """
    remaining = iter(chunks)
    first = next(remaining)
    count, mean = 0, torch.zeros(first.shape[1], dtype=torch.float64)
    scatter = torch.zeros(first.shape[1], first.shape[1], dtype=torch.float64)
    for chunk in chain([first], remaining):
        added, centre = len(chunk), chunk.mean(dim=0)
        shift, total = centre - mean, count + len(chunk)
        scatter.addmm_((chunk - centre).T, chunk - centre)
        scatter.addr_(shift, shift, alpha=count * added / total)
        mean = mean + shift * (added / total)
        count = total
    return GaussianMoments(mean, scatter / (count - 1))
