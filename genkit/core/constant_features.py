"""Features of the encoder as a fixed function: a comparison in them trains what is compared, never the encoder itself.

If the gradient reached the encoder's weights through its features, the encoder could make any two samples equal by
making its features constant.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.func import functional_call

from genkit.core.model import Autoencoder


def constant_features(model: Autoencoder, x: Tensor) -> Sequence[Tensor]:
    """Return `model.features(x)`, each (B, ...), with gradient to x but to no weight of the model.

    Running statistics of batch norms are not changed.
    """
    encoder = model.encoder
    constants = {f"model.encoder.{name}": parameter.detach() for name, parameter in encoder.named_parameters()}
    buffers = {f"model.encoder.{name}": buffer.clone() for name, buffer in encoder.named_buffers()}
    features: Sequence[Tensor] = functional_call(_Features(model), {**constants, **buffers}, (x,))
    return features


class _Features(nn.Module):
    """The features of a model as the forward of a module, which `functional_call` needs."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        return self.model.features(x)
