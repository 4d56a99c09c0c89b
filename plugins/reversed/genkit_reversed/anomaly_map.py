"""Anomaly map of RA: where an image differs from its reconstruction, in grey levels and in features.

    M(x) = | eq(x) - eq(x̂) | · ( G_σ ∗ F(x, x̂) ) · ( G_σ ∗ F(eq(x), eq(x̂)) ),      score = mean of M over the pixels

    x̂       the decoded posterior mean of x, limited to [0, 1]
    eq      contrast-limited adaptive histogram equalisation (CLAHE), with the defaults of scikit-image
    G_σ     Gaussian filter, σ = 2 pixels
    F(a, b) = Σ_l up( ‖f̂_li(a) - f̂_li(b)‖² ), the squared difference of the vectors of channels f̂ = f / ‖f‖ at each
              position i of level l of the encoder's features; `up` interpolates bilinearly to the size of the image
    | · |   mean over the channels of the image

`map` returns M / pixels, which sums to the score. So a pixel with M above the published threshold of .009 has a value
above .009 / pixels. Published: that threshold leaves at most 5 % of false positives on healthy images, and a box counts
as found if more than 10 % of its pixels exceed it. Choose your own: F has another scale here.

Bercea et al. 2023, <https://openreview.net/forum?id=8ojx-Ld3yjR>. Deviation: F there is LPIPS with a trained
SqueezeNet. Here it is the distance in features of the model's own encoder, in the form of LPIPS (Zhang et al. 2018,
<https://arxiv.org/abs/1801.03924>) without its trained weights, so nothing is downloaded.

Equalisation compares each pixel with its neighbourhood, and stretches small differences in regions without contrast. A
constant image has no contrast to stretch, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.exposure import equalize_adapthist
from torch import Tensor
from torch.nn.functional import interpolate

from genkit.api import Autoencoder, Doc, Noise, PositiveFloat, Score, smoothed

EPSILON = 1e-10  # added to the squared length of a vector of channels: one of zeros has no direction


@dataclass(frozen=True)
class ReversedMap(Score):
    """Mean of the anomaly map of RA, for images."""

    sigma: Annotated[
        PositiveFloat, Doc("Standard deviation in pixels of the Gaussian filter of the differences of features.")
    ] = 2.0

    def check(self, model: Autoencoder) -> None:
        """Raise `ValueError` for data that are not images, and for a network without maps of features."""
        if len(model.data_shape) != 3:
            raise ValueError(
                f"the score reversed-map is for images, but samples have the shape {model.data_shape}. Use the score "
                '"features"'
            )
        with torch.no_grad():
            levels = model.features(torch.zeros(2, *model.data_shape).to(next(model.parameters(), torch.zeros(()))))
        if any(level.dim() != 4 for level in levels):
            raise ValueError(
                f"the features of {type(model).__name__} have no positions, which the score reversed-map needs. Use a "
                'convolutional network, or the score "features"'
            )

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each image, (B, C, H, W) -> (B,)."""
        return self.map(model, x, noise).flatten(1).sum(dim=1)

    def map(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return M / pixels, (B, C, H, W) -> (B, H, W); its sum is the score."""
        y = model.reconstruct(x).clamp(0, 1)
        equal_x, equal_y = equalised(x), equalised(y)
        difference = (equal_x - equal_y).abs().mean(dim=1)
        product = difference * self._filtered(model, x, y) * self._filtered(model, equal_x, equal_y)
        return product / product[0].numel()

    def _filtered(self, model: Autoencoder, a: Tensor, b: Tensor) -> Tensor:
        """Return G_σ ∗ F(a, b), (B, H, W)."""
        return smoothed(feature_map(model, a, b), self.sigma)


def equalised(x: Tensor) -> Tensor:
    """Return images in [0, 1] after adaptive histogram equalisation of each channel, (B, C, H, W)."""
    return _of_values(_equalised_planes, x.flatten(0, 1)).reshape(x.shape)


def _equalised_planes(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([_equalised_plane(plane) for plane in planes])


def _equalised_plane(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(
        plane
    ).all():  # of a model that has diverged; then the score is not finite, and metrics refuse it
        return np.full_like(plane, np.nan)
    equal: NDArray[np.float64] = plane if np.ptp(plane) == 0 else equalize_adapthist(plane)
    return equal


def _of_values(function: Callable[[NDArray[np.float64]], NDArray[np.float64]], x: Tensor) -> Tensor:
    """Return what a function of arrays makes of x, with the shape of x; on the meta device, which has no values, x."""
    return x if x.is_meta else torch.from_numpy(function(x.double().cpu().numpy())).to(x)


def feature_map(model: Autoencoder, a: Tensor, b: Tensor) -> Tensor:
    """Return F(a, b), the distance of the features of images at each pixel, (B, C, H, W) -> (B, H, W)."""
    total = torch.zeros(len(a), *a.shape[2:]).to(a)
    for f, g in zip(model.features(a), model.features(b), strict=True):
        squared = (_unit(f) - _unit(g)).square().sum(dim=1, keepdim=True)
        total += interpolate(squared, size=a.shape[2:], mode="bilinear", align_corners=False)[:, 0]
    return total


def _unit(f: Tensor) -> Tensor:
    return f * (f.square().sum(dim=1, keepdim=True) + EPSILON).rsqrt()
