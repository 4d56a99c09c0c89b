"""Autoencoder whose networks are given the class of each sample, made of any other autoencoder.

    encoder   q(z|x, y) = N(μ(x) + a_y, diag(exp(v(x) + b_y))),   μ, v the encoder of `network`
    decoder   D(z, y) = the decoder of `network`, built for codes of dimension L + C, at (z, 1_y)

y is the class, one of C, 1_y its one-hot vector, and a_y, b_y in R^L are learnt, at first 0. L is the `latent_dim` of
`network`.

The conditional network of <https://github.com/taldatech/soft-intro-vae-pytorch> joins 1_y to the features f before the
last linear layer of the encoder, and to z before the first of the decoder. For the encoder that is the same function,
whatever comes before the last layer: W·(f, 1_y) + b = (W_f·f + b) + W_1·1_y, a shift by the y-th column of W_1.

Deviations from that code: the condition is always a class; the shift starts at 0, and it is added to log-variances
that the encoder has clamped, then clamped again.
"""

from __future__ import annotations

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from genkit.api import (
    LOGVAR_MAX,
    LOGVAR_MIN,
    Autoencoder,
    Conditional,
    DiagNormal,
    Doc,
    Model,
    NetworkBuilder,
    PositiveInt,
)


class ConditionalAutoencoder(Autoencoder):
    """Autoencoder that encodes and decodes under the class of each row.

    Raises `ValueError` unless `network` is an autoencoder with the key `latent_dim`.
    """

    def __init__(
        self,
        *,
        network: Annotated[NetworkBuilder, Doc("Autoencoder that is made conditional, with its keys.")],
        classes: Annotated[PositiveInt, Doc("Number C of classes.")],
        data_shape: tuple[int, ...],
    ) -> None:
        base = _autoencoder(network.build(data_shape))
        latent_dim = base.latent_dim
        wide = _autoencoder(_wider(network, data_shape, latent_dim + classes))
        encoder = ConditionalEncoder(base.encoder, classes, latent_dim)
        super().__init__(encoder, ConditionalDecoder(wide.decoder, classes), latent_dim, data_shape)


class ConditionalNetwork(Conditional):
    """Network whose `forward` is given the class of each row after its input. It refuses to run without a class.

    The classes are an argument, so that a compiled forward does not keep those that it was compiled with.
    """

    needs_class = True

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes
        self.register_forward_pre_hook(_add_labels)

    def one_hot(self, labels: Tensor, like: Tensor) -> Tensor:
        """Return the one-hot vectors of labels, (B,) -> (B, C), in the dtype of `like`."""
        return (labels[:, None] == torch.arange(self.classes, device=labels.device)).to(like.dtype)


class ConditionalEncoder(ConditionalNetwork):
    """Encoder with a shift of the posterior parameters for each class."""

    def __init__(self, network: nn.Module, classes: int, latent_dim: int) -> None:
        super().__init__(network, classes)
        self.shift = nn.Linear(classes, 2 * latent_dim, bias=False)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, labels: Tensor) -> DiagNormal:
        """Return the posteriors of x, (B, *data_shape), under the labels, (B,): mu and logvar each (B, L)."""
        q: DiagNormal = self.network(x)
        mean, log_scale = self.shift(self.one_hot(labels, self.shift.weight)).chunk(2, dim=1)
        return DiagNormal(q.mu + mean, (q.logvar + log_scale).clamp(LOGVAR_MIN, LOGVAR_MAX))


class ConditionalDecoder(ConditionalNetwork):
    """Decoder of a code beside the one-hot vector of its class."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """Return the outputs of codes z, (B, L), under the labels, (B,)."""
        outputs: Tensor = self.network(torch.cat([z, self.one_hot(labels, z)], dim=1))
        return outputs


def _add_labels(module: ConditionalNetwork, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the inputs of a conditional network with the labels of their rows. Raises `ValueError` without labels."""
    labels = module.labels_of(inputs[0].shape[0], inputs[0].device)  # len() would fix the batch of an exported network
    if labels is None:
        raise ValueError(
            f"{type(module).__name__} needs the class of each row. Call it within `with model.given(extra)`, where "
            'extra["label"] has the classes'
        )
    return (*inputs, labels)


def _autoencoder(model: Model) -> Autoencoder:
    if not isinstance(model, Autoencoder):
        raise ValueError(f"network: a {type(model).__name__} has no encoder. Choose an autoencoder")
    return model


def _wider(network: NetworkBuilder, data_shape: tuple[int, ...], latent_dim: int) -> Model:
    """Return the network for codes of another dimension."""
    try:
        return network.build(data_shape, latent_dim=latent_dim)
    except TypeError as error:
        raise ValueError(f"network: needs a network with the key latent_dim ({error}). Choose another one") from None
