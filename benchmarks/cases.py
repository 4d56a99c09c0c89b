"""Cases of the benchmarks: a method, the networks of an experiment, and a batch size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from genkit.recipe.plan import Plan, make_plan
from genkit.recipe.tables import Recipe, Train, Use

Precision = Literal["fp32", "fp64"]


@dataclass(frozen=True)
class Networks:
    """Networks of an experiment, and the data that they learn."""

    name: str
    data: Use
    model: Use
    children: tuple[str, ...] = ("encoder", "decoder")  # each has its own Adam optimiser
    lr: float = 2e-4


@dataclass(frozen=True)
class Case:
    """One step of genkit."""

    method: str
    networks: Networks
    batch_size: int
    loss: Mapping[str, Any]  # keys of [loss]

    def plan(self, steps: int, precision: Precision = "fp32") -> Plan:
        return make_plan(
            Recipe(
                title=f"{self.method}, {self.networks.name}",
                data=self.networks.data,
                model=self.networks.model,
                loss=Use(self.method, **self.loss),
                optimiser={child: Use("adam", lr=self.networks.lr) for child in self.networks.children},
                train=Train(steps=steps, batch_size=self.batch_size, precision=precision),
            )
        )


EIGHT_GAUSSIANS = Networks("8 Gaussians", Use("8-gaussians"), Use("mlp", width=256, layers=3))  # as published
EIGHT_GAUSSIANS_GAN = Networks(
    "8 Gaussians", Use("8-gaussians"), Use("mlp-gan", width=256, layers=3), children=("generator", "critic")
)


def images(name: str, shape: tuple[int, int, int], latent_dim: int, channels: tuple[int, ...]) -> Networks:
    """Return published networks of images, with artificial images as their data."""
    model = Use("introvae-conv", latent_dim=latent_dim, channels=channels, norm="batch")
    return Networks(name, Use("stand-in", shape=shape), model)


MNIST = images("MNIST", (1, 28, 28), 32, (64, 128))
CIFAR10 = images("CIFAR-10", (3, 32, 32), 128, (64, 128, 256))
CELEBA128 = images("CelebA-128", (3, 128, 128), 256, (64, 128, 256, 512, 512))
CELEBA256 = images("CelebA-256", (3, 256, 256), 256, (64, 128, 256, 512, 512, 512))
