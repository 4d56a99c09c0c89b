"""Fully connected generator and critic, as the published code has them for densities in two dimensions.

    Linear-ReLU, `layers` times Linear-ReLU, Linear

Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028; gan_toy.py of
https://github.com/igul222/improved_wgan_training: two latent dimensions, 512 wide. There is no norm in either network:
the gradient penalty is that of a sample, and a batch norm would mix the samples.

Deviation: weights start as torch's do, not as He et al. 2015.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import nn

from genkit.api import GAN, Linear, NonNegativeInt, PositiveInt


class MLPGAN(GAN):
    """A generator and a critic of fully connected layers, for points; samples of other shapes are flattened.

    latent_dim: L, the dimension of the prior
    width: units of each hidden layer, of both networks
    layers: hidden layers after the first, of both networks
    """

    def __init__(
        self,
        *,
        latent_dim: PositiveInt = 2,
        width: PositiveInt = 512,
        layers: NonNegativeInt = 2,
        data_shape: tuple[int, ...],
    ) -> None:
        hidden = [width] * (1 + layers)
        generator = perceptron(latent_dim, *hidden, prod(data_shape))
        critic = perceptron(prod(data_shape), *hidden)
        # No loss sees a constant added to the critic, so a bias here would be moved by rounding errors alone.
        output = Linear(width, 1, bias=False)
        super().__init__(
            nn.Sequential(generator, nn.Unflatten(1, data_shape)),
            nn.Sequential(nn.Flatten(), critic, nn.ReLU(), output, nn.Flatten(0)),
            latent_dim,
            data_shape,
        )


def perceptron(*sizes: int) -> nn.Sequential:
    """Return linear layers between these sizes, with a ReLU between any two layers: (B, first) -> (B, last)."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
