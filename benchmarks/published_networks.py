"""Networks of the published steps, written again with torch's layers as their authors use them.

The networks for points in the plane are those of soft_intro_vae_2d/train_soft_intro_vae_2d.py, and those for images are
those of soft_intro_vae/train_soft_intro_vae.py, in https://github.com/taldatech/soft-intro-vae-pytorch. AS-IntroVAE
uses them too. Layers are created in the order of genkit's networks, so that weights can be copied layer by layer.
"""

from __future__ import annotations

from itertools import pairwise
from math import prod

import torch
from torch import Tensor, nn

Gaussians = tuple[Tensor, Tensor]  # mu and logvar, each (B, L)

SLOPE = 0.2  # negative slope of every LeakyReLU


def perceptron(inputs: int, outputs: int, width: int, layers: int) -> nn.Sequential:
    hidden: list[nn.Module] = [nn.Linear(inputs, width), nn.ReLU(inplace=True)]
    for _ in range(layers):
        hidden += [nn.Linear(width, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


class Encoder(nn.Module):
    def __init__(self, width: int, layers: int):
        super().__init__()
        self.main = perceptron(2, 4, width, layers)

    def forward(self, x: Tensor) -> Gaussians:
        mu, logvar = self.main(x).view(x.size(0), -1).chunk(2, dim=1)
        return mu, logvar


class Decoder(nn.Module):
    def __init__(self, width: int, layers: int):
        super().__init__()
        self.loggamma = nn.Parameter(torch.tensor(0.0))  # not used by any loss
        self.main = perceptron(2, 2, width, layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(z.view(z.size(0), -1))


class Pair(nn.Module):
    """Encoder, x -> (mu, logvar), and decoder, z -> x."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module):
        super().__init__()
        self.encoder: nn.Module = encoder
        self.decoder: nn.Module = decoder


def mlp(*, width: int, layers: int) -> Pair:
    """Return the networks for points in the plane; x and z have two components each."""
    return Pair(Encoder(width, layers), Decoder(width, layers))


# Images


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.expand = nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else None
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.LeakyReLU(SLOPE, inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.LeakyReLU(SLOPE, inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.expand is None else self.expand(x)
        branch = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(branch + shortcut)


class ImageEncoder(nn.Module):
    def __init__(self, colours: int, channels: tuple[int, ...], features: int, latent_dim: int):
        super().__init__()
        first = channels[0]
        layers: list[nn.Module] = [nn.Conv2d(colours, first, 5, padding=2, bias=False), nn.BatchNorm2d(first)]
        layers += [nn.LeakyReLU(SLOPE, inplace=True), nn.AvgPool2d(2)]
        for inputs, outputs in pairwise(channels):
            layers += [Residual(inputs, outputs), nn.AvgPool2d(2)]
        self.main = nn.Sequential(*layers, Residual(channels[-1], channels[-1]))
        self.fc = nn.Linear(features, 2 * latent_dim)

    def forward(self, x: Tensor) -> Gaussians:
        mu, logvar = self.fc(self.main(x).view(x.size(0), -1)).chunk(2, dim=1)
        return mu, logvar


class ImageDecoder(nn.Module):
    def __init__(self, colours: int, channels: tuple[int, ...], smallest: tuple[int, int, int], latent_dim: int):
        super().__init__()
        self.smallest = smallest
        self.fc = nn.Sequential(nn.Linear(latent_dim, prod(smallest)), nn.ReLU(True))
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((channels[-1], *reversed(channels))):
            layers += [Residual(inputs, outputs), nn.Upsample(scale_factor=2, mode="nearest")]
        layers += [Residual(channels[0], channels[0]), nn.Conv2d(channels[0], colours, 5, padding=2)]
        self.main = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.main(self.fc(z.view(z.size(0), -1)).view(z.size(0), *self.smallest))


def conv(*, latent_dim: int, channels: tuple[int, ...], norm: str, data_shape: tuple[int, int, int]) -> Pair:
    """Return the networks for images, (C, H, W). Raises `ValueError` for a norm other than the published one."""
    if norm != "batch":
        raise ValueError(f"the published networks have batch norms, not {norm}")
    colours, height, width = data_shape
    smallest = (channels[-1], height // 2 ** len(channels), width // 2 ** len(channels))
    return Pair(
        ImageEncoder(colours, channels, prod(smallest), latent_dim),
        ImageDecoder(colours, channels, smallest, latent_dim),
    )
