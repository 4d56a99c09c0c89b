"""Share of the variance between samples that their reconstructions follow.

The share of samples x and reconstructions r is Σ_d cov(x_d, r_d) / Σ_d var(x_d), with sums over all values d of a
sample: the slope of a regression of the reconstructions on the samples. It is 1 for perfect reconstructions, lower for
blurred ones, and 0 if all reconstructions are the same or have nothing to do with their samples. If each reconstruction
is the mean of the samples with its code, as a squared error asks for, the share is also Σ var(r_d) / Σ var(x_d) and the
share of the variance that is explained.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


class ReconstructedVariance:
    """The share of all samples so far. Its memory does not grow with their number.

    Chunks are merged as in Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros((), dtype=torch.float64)  # of the samples
        self._mean_output = torch.zeros((), dtype=torch.float64)
        self._squares = 0.0  # sum over samples and values of the squared deviation from the mean
        self._products = 0.0  # the same of the deviation of a sample times that of its reconstruction

    def add(self, x: Tensor, reconstructions: Tensor) -> None:
        """Add samples with their reconstructions, each (B, *data_shape). Raises `ValueError` for unequal shapes."""
        if x.shape != reconstructions.shape:
            raise ValueError(f"samples of {tuple(x.shape)} have reconstructions of {tuple(reconstructions.shape)}")
        if not len(x):
            return
        mean, deviation = _centred(x)
        mean_output, deviation_of_output = _centred(reconstructions)
        total = self.count + len(x)
        shift, shift_of_output = mean - self._mean, mean_output - self._mean_output
        weight = self.count * len(x) / total
        self._squares += (deviation.square().sum() + weight * shift.square().sum()).item()
        self._products += ((deviation * deviation_of_output).sum() + weight * (shift * shift_of_output).sum()).item()
        self._mean = self._mean + shift * (len(x) / total)
        self._mean_output = self._mean_output + shift_of_output * (len(x) / total)
        self.count = total

    @property
    def share(self) -> float | None:
        """The share; None if the samples do not differ or a value is not finite."""
        share = self._products / self._squares if self._squares else math.nan
        return share if math.isfinite(share) else None


def _centred(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean of the rows, (D,), and their deviations from it, (B, D), in float64 on the CPU."""
    rows = values.detach().cpu().double().flatten(1)
    mean = rows.mean(dim=0)
    return mean, rows - mean
