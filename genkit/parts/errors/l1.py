"""Absolute error, R(x, y) = Σ |x - y| over the components of a sample.

Up to a constant it is -log p(x|z) of a Laplace decoder of scale 1. A large difference costs less than in the squared
error, so edges blur less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from genkit.api import Autoencoder, ReconstructionError, summed_over_channels


@dataclass(frozen=True)
class L1(ReconstructionError):
    """Absolute error Σ |x - y|: up to a constant -log p(x|z) of a Laplace decoder of scale 1."""

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample, (B, *data_shape) -> (B,)."""
        return (x - output).abs().flatten(1).sum(dim=1)

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each pixel, summed over its channels, (B, C, H, W) -> (B, H, W)."""
        return summed_over_channels((x - output).abs())

    @property
    def implied_variance(self) -> float:
        """Variance 2 of a Laplace decoder of scale 1."""
        return 2.0

    def log_density(self, x: Tensor, output: Tensor, variance: float | None) -> Tensor:
        """Return the log-density of a Laplace decoder, (B, *data_shape) -> (B,)."""
        scale = math.sqrt((self.implied_variance if variance is None else variance) / 2)
        return -self(x, output).double() / scale - x[0].numel() * math.log(2 * scale)
