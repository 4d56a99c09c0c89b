"""Fully connected generator and critic of the published code for densities in two dimensions.

    Linear - ReLU, `layers` times Linear - ReLU, Linear

Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", <https://arxiv.org/abs/1704.00028>; gan_toy.py of
<https://github.com/igul222/improved_wgan_training>, with two latent dimensions and width 512. Neither network has a
norm: the gradient penalty is defined per sample, and a batch norm would mix the samples.

Deviations: weights are initialised by torch's defaults, not as in He et al. 2015; and the critic has no bias at its
output, because the loss does not depend on it.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Annotated

from torch import nn

from genkit.api import GAN, Doc, NonNegativeInt, PositiveInt


class MLPGAN(GAN):
    """Fully connected generator and critic for points; they flatten samples of other shapes."""

    def __init__(
        self,
        *,
        latent_dim: Annotated[PositiveInt, Doc("Dimension L of the prior.")] = 2,
        width: Annotated[PositiveInt, Doc("Number of units in each hidden layer of both networks.")] = 512,
        layers: Annotated[NonNegativeInt, Doc("Number of hidden layers after the first one, in both networks.")] = 2,
        data_shape: tuple[int, ...],
    ) -> None:
        hidden = [width] * (1 + layers)
        generator = perceptron(latent_dim, *hidden, prod(data_shape))
        critic = perceptron(prod(data_shape), *hidden)
        # The loss does not depend on a constant added to the critic, so only rounding errors would change a bias here.
        output = nn.Linear(width, 1, bias=False)
        super().__init__(
            nn.Sequential(generator, nn.Unflatten(1, data_shape)),
            nn.Sequential(nn.Flatten(), critic, nn.ReLU(), output, nn.Flatten(0)),
            latent_dim,
            data_shape,
        )


def perceptron(*sizes: int) -> nn.Sequential:
    """Return linear layers between these sizes with a ReLU between them, (B, first) -> (B, last)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
