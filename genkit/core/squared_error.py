"""Squared error, the reconstruction error of an autoencoder whose recipe names none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from genkit.core.maps import summed_over_channels
from genkit.core.types import ReconstructionError

if TYPE_CHECKING:
    from genkit.core.model import Autoencoder


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Return Σ (x - y)² over all dimensions but the first, (B, ...) -> (B,).

    Up to a constant this is -log p(x | z) of a Gaussian decoder with variance ½.
    """
    return (x - y).square().flatten(1).sum(dim=1)


@dataclass(frozen=True)
class SquaredError(ReconstructionError):
    """Squared error Σ (x - y)²: up to a constant -log p(x|z) of a Gaussian decoder with variance ½."""

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample, (B, *data_shape) -> (B,)."""
        return squared_error(x, output)

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each pixel, summed over its channels, (B, C, H, W) -> (B, H, W)."""
        return summed_over_channels((x - output).square())

    @property
    def implied_variance(self) -> float:
        """Variance ½ of a Gaussian decoder."""
        return 0.5

    def log_density(self, x: Tensor, output: Tensor, variance: float | None) -> Tensor:
        """Return the log-density of a Gaussian decoder, (B, *data_shape) -> (B,)."""
        variance = self.implied_variance if variance is None else variance
        constant = 0.5 * x[0].numel() * math.log(2 * math.pi * variance)
        return -squared_error(x, output).double() / (2 * variance) - constant
