"""Weighted sum of reconstruction errors, R = Σ_k w_k·R_k.

Anomaly detection by reconstruction often adds a structural and a perceptual error to a pixel error. Each R_k is a sum
over a sample, as it is when it is used alone, with the defaults of its keys; of `features` only the comparison of
features is taken, since `squared` has a weight of its own. An error of weight 0 is not computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor

from genkit.api import Autoencoder, Doc, NonNegativeFloat, ReconstructionError, SquaredError
from genkit.parts.errors.features import Features
from genkit.parts.errors.l1 import L1
from genkit.parts.errors.ssim import SSIM


@dataclass(frozen=True)
class Weighted(ReconstructionError):
    """Weighted sum of the errors squared, l1, ssim and features."""

    squared: Annotated[NonNegativeFloat, Doc("Weight of the squared error.")] = 0.0
    l1: Annotated[NonNegativeFloat, Doc("Weight of the absolute error.")] = 0.0
    ssim: Annotated[NonNegativeFloat, Doc("Weight of the structural dissimilarity, for images.")] = 0.0
    features: Annotated[NonNegativeFloat, Doc("Weight of the difference of features of the model's own encoder.")] = 0.0

    def __post_init__(self) -> None:
        """Raise `ValueError` if all weights are 0."""
        if not self.terms:
            raise ValueError("all weights are 0, so every reconstruction is perfect. Give one of them")

    @property
    def terms(self) -> list[tuple[float, ReconstructionError]]:
        """The weights that are not 0, with their errors."""
        terms: list[tuple[float, ReconstructionError]] = [
            (self.squared, SquaredError()),
            (self.l1, L1()),
            (self.ssim, SSIM()),
            (self.features, Features(pixels=0.0)),
        ]
        return [(weight, error) for weight, error in terms if weight > 0]

    def __call__(self, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the error of each sample, (B, *data_shape) -> (B,). Raises `ValueError` if it reads features."""
        return torch.stack([weight * error(x, output) for weight, error in self.terms]).sum(dim=0)

    def map(self, model: Autoencoder, x: Tensor, output: Tensor, /) -> Tensor:
        """Return the share of each pixel, (B, C, H, W) -> (B, H, W). Raises `ValueError` if a term has no map."""
        return torch.stack([weight * error.map(model, x, output) for weight, error in self.terms]).sum(dim=0)

    def of(self, model: Autoencoder) -> Callable[[Tensor, Tensor], Tensor]:
        """Return the error with the features of this model, (B, *data_shape) twice -> (B,)."""
        terms = [(weight, error.of(model)) for weight, error in self.terms]

        def weighted(x: Tensor, output: Tensor) -> Tensor:
            return torch.stack([weight * error(x, output) for weight, error in terms]).sum(dim=0)

        return weighted if self.features > 0 else self
