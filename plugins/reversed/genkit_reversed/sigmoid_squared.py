"""Squared error of images whose decoder ends with a sigmoid, R(x, l) = Σ (x - sigmoid(l))², for its outputs l.

A reconstruction is always within [0, 1]. Up to a constant R is -log p(x|z) of a Gaussian decoder with mean sigmoid(l)
and variance ½. The published RA, and other autoencoders of medical images, have this output. Where x is 0 or 1 and l
is large, the gradient vanishes; the linear outputs of `squared` do not have that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from genkit.api import Autoencoder, SquaredError, squared_error


@dataclass(frozen=True)
class SigmoidSquared(SquaredError):
    """Squared error of images; a sample is the sigmoid of the decoder's output."""

    @property
    def link(self) -> Literal["sigmoid"]:
        """Samples are the sigmoid of the decoder's output."""
        return "sigmoid"

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample for logits `output`, (B, C, H, W) -> (B,).

        Raises `ValueError` for samples that are not images: only images are sure to be in [0, 1].
        """
        if x.dim() != 4:
            raise ValueError(
                "the error sigmoid-squared needs data in [0, 1], which are images, but samples have the shape "
                f'{tuple(x.shape[1:])}. Use "squared" or "l1"'
            )
        return squared_error(x, output.sigmoid())

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each pixel, summed over its channels, (B, C, H, W) -> (B, H, W)."""
        return super().map(model, x, output.sigmoid())

    def log_density(self, x: Tensor, output: Tensor, variance: float | None) -> Tensor:
        """Return the log-density of a Gaussian decoder with mean sigmoid(output), (B, C, H, W) -> (B,)."""
        return super().log_density(x, output.sigmoid(), variance)
