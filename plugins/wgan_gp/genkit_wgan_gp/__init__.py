"""Plugin of genkit for WGAN-GP (Gulrajani et al. 2017): the loss `wgan-gp`, and networks for points and images."""

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
    """Supply the models `mlp-gan`, `dcgan` and `resnet-gan`."""
    yield Entry("mlp-gan", "genkit_wgan_gp.model:MLPGAN", "Fully connected generator and critic for points", PAPER)
    yield Entry("dcgan", "genkit_wgan_gp.dcgan:DCGAN", "Convolutional generator and critic for images", PAPER)
    yield Entry("resnet-gan", "genkit_wgan_gp.resnet:ResNetGAN", "Residual generator and critic for images", PAPER)
