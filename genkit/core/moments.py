"""Mean and variance of values that arrive in chunks, computed in one pass."""

from __future__ import annotations

import torch
from torch import Tensor


class RunningMoments:
    """Count, mean and variance of all rows of all chunks so far, for each column.

    A chunk is merged as in Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances", Eq. (2.1); also Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115. The simpler
    Σx² - (Σx)²/N loses the digits of a variance that is small compared with the square of the mean.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros((), dtype=torch.float64)
        self.squares = torch.zeros((), dtype=torch.float64)  # sum of squared deviations from the mean

    def merge(self, count: int, mean: Tensor, squares: Tensor) -> None:
        """Add a chunk of `count` > 0 rows, given its mean and its sum of squared deviations from it, each (C,)."""
        total, shift = self.count + count, mean - self.mean
        self.squares = self.squares + squares + shift.square() * (self.count * count / total)
        self.mean = self.mean + shift * (count / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        """Unbiased variance, (C,); 0 for a single row."""
        return self.squares / max(self.count - 1, 1)
