"""Structural dissimilarity, R(x, y) = D · (1 - SSIM(x, y)), where D is the number of components of a sample.

    SSIM(x, y) = mean of (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)),  C₁ = 0.01², C₂ = 0.03²

The mean is over channels and over the positions where the window fits, as in the metric `ssim`; D makes it a sum over a
sample. Moments are weighted by a Gaussian window of σ = 1.5 pixels. Images are in [0, 1].

Wang, Bovik, Sheikh & Simoncelli 2004, https://doi.org/10.1109/TIP.2003.819861. SSIM compares structure, and hardly sees
a change of brightness in bright regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

from genkit.api import Autoencoder, Doc, ReconstructionError

SIGMA = 1.5  # pixels
C1, C2 = 0.01**2, 0.03**2


@dataclass(frozen=True)
class SSIM(ReconstructionError):
    """D · (1 - SSIM) of images with D components: how much their structure differs, from 0 to 2·D."""

    window: Annotated[Annotated[int, Ge(3)], Doc("Side of the window in pixels, an odd number.")] = 11

    def __post_init__(self) -> None:
        """Raise `ValueError` for an even window, which has no centre."""
        if self.window % 2 == 0:
            raise ValueError(
                f"window = {self.window} is even, and a window needs a centre. Set it to {self.window + 1}"
            )

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample, (B, C, H, W) -> (B,).

        Raises `ValueError` for samples that are not images, and for images smaller than the window.
        """
        self._check(x)
        return (1 - self.similarity(x, output).flatten(1).mean(dim=1)) * x[0].numel()

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the share of each pixel, (B, C, H, W) -> (B, H, W). Raises `ValueError` as the error itself.

        The dissimilarity of a window is shared out over its pixels by the weights of the window.
        """
        self._check(x)
        dissimilarity = 1 - self.similarity(x, output)  # (B, C, H', W')
        share = x[0].numel() / dissimilarity[0].numel()
        weights = self._weights(dissimilarity)
        planes = dissimilarity.sum(dim=1, keepdim=True) * share
        across = conv_transpose2d(planes, weights.view(1, 1, 1, -1))
        return conv_transpose2d(across, weights.view(1, 1, -1, 1)).squeeze(1)

    def _check(self, x: Tensor) -> None:
        if x.dim() != 4:
            raise ValueError(
                f"the error ssim compares images, but samples have the shape {tuple(x.shape[1:])}. "
                'Use "squared" or "l1"'
            )
        height, width = x.shape[2:]
        if min(height, width) < self.window:
            raise ValueError(
                f"images of {height} x {width} pixels are smaller than the window of {self.window} x {self.window}. "
                "Set a smaller window"
            )

    def similarity(self, x: Tensor, y: Tensor) -> Tensor:
        """Return SSIM at every position where the window fits, (B, C, H, W) -> (B, C, H - window + 1, ...)."""
        mean_x, mean_y, xx, yy, xy = self._moments(torch.stack([x, y, x * x, y * y, x * y]))
        covariance, variances = xy - mean_x * mean_y, xx - mean_x**2 + yy - mean_y**2
        structure = (2 * covariance + C2) / (variances + C2)
        return structure * (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)

    def _moments(self, maps: Tensor) -> Tensor:
        """Return the weighted mean in each window, (5, B, C, H, W) -> (5, B, C, H', W'), by two 1-D convolutions."""
        weights = self._weights(maps)
        planes = maps.flatten(0, 2)[:, None]
        means = conv2d(conv2d(planes, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
        return means.view(*maps.shape[:3], *means.shape[2:])

    def _weights(self, like: Tensor) -> Tensor:
        """Return the weights of a row of the window, (window,), which add up to 1."""
        distance = torch.arange(self.window, dtype=like.dtype, device=like.device) - self.window // 2
        weights = (-0.5 * (distance / SIGMA).square()).exp()
        return weights / weights.sum()
