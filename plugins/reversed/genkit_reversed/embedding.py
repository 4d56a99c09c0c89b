"""Distance between the features that an encoder has of a sample and of its reconstruction.

    E(f, f') = Σ_l ( ½·mean( (f_l - f'_l)² ) + 1 - cos(f_l, f'_l) )

f_l is level l of `Autoencoder.features`; the mean is over its components, and the cosine is that of the whole level as
one vector. Levels are not weighted. E is 0 for equal features, and the second part of a level is at most 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cosine_similarity

from genkit.api import Autoencoder


def embedding_distance(features: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return E of each sample, (B,), for two lists of levels, each (B, ...)."""
    return torch.stack([_of_level(f.flatten(1), g.flatten(1)) for f, g in zip(features, others, strict=True)]).sum(
        dim=0
    )


def _of_level(f: Tensor, g: Tensor) -> Tensor:
    return 0.5 * (f - g).square().mean(dim=1) + 1 - cosine_similarity(f, g, dim=1)


def features_apart(model: Autoencoder, x: Tensor) -> Sequence[Tensor]:
    """Return `model.features(x)`, each (B, ...), with gradient to the encoder, as the phase's own pass computes them.

    This pass repeats one that the phase makes anyway, so the running statistics of batch norms do not count it.
    """
    buffers = {f"model.encoder.{name}": buffer.clone() for name, buffer in model.encoder.named_buffers()}
    features: Sequence[Tensor] = functional_call(_Features(model), buffers, (x,))
    return features


class _Features(nn.Module):
    """The features of a model as the forward of a module, which `functional_call` needs."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        return self.model.features(x)
