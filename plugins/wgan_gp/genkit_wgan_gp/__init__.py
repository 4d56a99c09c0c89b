"""WGAN-GP (Gulrajani et al. 2017) as a plugin of genkit: it supplies the loss `wgan-gp` and the model `mlp-gan`."""

from __future__ import annotations

from collections.abc import Iterator

from genkit.hooks import Entry, hookimpl

genkit_hooks = 1

PAPER = "https://arxiv.org/abs/1704.00028"


@hookimpl
def genkit_losses() -> Iterator[Entry]:
    """Supply the loss `wgan-gp`."""
    yield Entry("wgan-gp", "genkit_wgan_gp.loss:WGANGP", "Wasserstein GAN with a gradient penalty", PAPER)


@hookimpl
def genkit_models() -> Iterator[Entry]:
    """Supply the model `mlp-gan`."""
    yield Entry("mlp-gan", "genkit_wgan_gp.model:MLPGAN", "Fully connected generator and critic for points", PAPER)
