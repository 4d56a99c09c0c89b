"""Error in the features of the model's own encoder, with the squared error beside it. Nothing is downloaded.

    R(x, y) = pixels · Σ (x - y)² + Σ_l Σ_i ‖ f̂_li(x) - f̂_li(y) ‖²

f_li(x) is the vector of channels at position i of level l of `Autoencoder.features`, and f̂ = f / ‖f‖, as in LPIPS
(Zhang et al. 2018, https://arxiv.org/abs/1801.03924), so the scale of the features does not matter. LPIPS takes the
mean over positions and a trained network; this is a sum, and the network is the encoder as trained so far.

The encoder is a constant in f: the gradient reaches y, hence the decoder and the code z, and a target x that depends on
parameters. It does not reach the encoder's weights through f, since the encoder could then lower the error by making
all samples look equal. Encoders ignore what does not help to find the code, such as the exact colour of a background;
the squared error sees it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import torch
from torch import Tensor

from genkit.api import (
    Autoencoder,
    Doc,
    NonNegativeFloat,
    ReconstructionError,
    constant_features,
    spread_positions,
    squared_error,
    summed_over_channels,
)

EPSILON = 1e-10  # added to the squared length of a vector of channels: one of zeros has no direction


def feature_distance(f: Tensor, g: Tensor) -> Tensor:
    """Return Σ_i ‖f̂_i - ĝ_i‖² of one level, over all positions, (B, C, ...) -> (B,)."""
    return squared_error(_unit(f), _unit(g))


def feature_map(f: Tensor, g: Tensor, height: int, width: int) -> Tensor:
    """Return ‖f̂_i - ĝ_i‖² of one level, spread over the pixels of each position, (B, C, h, w) -> (B, height, width).

    Raises `ValueError` for a level without positions.
    """
    if f.dim() != 4:
        raise ValueError(
            f"features of the shape {tuple(f.shape[1:])} have no positions, so they have no map. Use a convolutional "
            "network, or the score error"
        )
    return spread_positions((_unit(f) - _unit(g)).square().sum(dim=1), height, width)


def _unit(f: Tensor) -> Tensor:
    return f * (f.square().sum(dim=1, keepdim=True) + EPSILON).rsqrt()


@dataclass(frozen=True)
class Features(ReconstructionError):
    """Squared difference of features of the model's own encoder, plus the squared error of the components."""

    pixels: Annotated[
        NonNegativeFloat, Doc("Weight of the squared error of the components; 0 compares features only.")
    ] = 1.0

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Raise `ValueError`: the error reads the encoder of a model, see `of`."""
        raise ValueError("the error features reads the encoder of a model: call `model.error(x, output)`")

    def of(self, model: Autoencoder) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the error with the features of this model, (B, *data_shape) twice -> (B,)."""
        return partial(self._error, model)

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the share of each pixel, (B, H, W). Raises `ValueError` for features without positions."""
        both = constant_features(model, torch.cat([x, output]))
        pairs = [level.chunk(2) for level in both]
        maps = [feature_map(f, g, x.shape[2], x.shape[3]) for f, g in pairs]
        return self.pixels * summed_over_channels((x - output).square()) + torch.stack(maps).sum(dim=0)

    def _error(self, model: Autoencoder, x: Tensor, output: Tensor) -> Tensor:
        # One pass for both: with a batch norm they must be normalised alike.
        both = constant_features(model, torch.cat([x, output]))
        distances = [feature_distance(*level.chunk(2)) for level in both]
        return self.pixels * squared_error(x, output) + torch.stack(distances).sum(dim=0)
