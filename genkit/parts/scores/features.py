"""Score Σ_l Σ_i ‖f̂_li(x) - f̂_li(x̂)‖²: a sample and its reconstruction, compared in features of the model's own encoder.

x̂ is decoded from the posterior mean. Levels, positions and lengths are those of the error `features`
(`genkit.parts.errors.features`). Pseudo-healthy reconstruction compares features, since a pixel error also finds edges
that moved a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.api import Autoencoder, Noise, Score, evaluating
from genkit.parts.errors.features import feature_distance, feature_map


@dataclass(frozen=True)
class Features(Score):
    """Difference of a sample and its reconstruction in features of the model's own encoder."""

    def check(self, model: Autoencoder) -> None:
        """Raise `ValueError` if the network has no features."""
        with evaluating(model):  # in training mode batch norms would update their running statistics
            model.features(torch.zeros(2, *model.data_shape).to(next(model.parameters(), torch.zeros(()))))

    def __call__(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the score of each sample, (B,)."""
        pairs = zip(model.features(x), model.features(model.reconstruct(x)), strict=True)
        return torch.stack([feature_distance(*pair) for pair in pairs]).sum(dim=0)

    def map(self, model: Autoencoder, x: Tensor, noise: Noise, /) -> Tensor:
        """Return the distances of all levels, spread over the pixels, (B, H, W).

        Raises `ValueError` for features without positions.
        """
        pairs = zip(model.features(x), model.features(model.reconstruct(x)), strict=True)
        return torch.stack([feature_map(*pair, x.shape[2], x.shape[3]) for pair in pairs]).sum(dim=0)
