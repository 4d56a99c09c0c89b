"""Sizes and initial weights of the networks of images: the published ones, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from genkit_wgan_gp.dcgan import DCGAN
from genkit_wgan_gp.images import initialise
from genkit_wgan_gp.resnet import ResNetGAN
from torch import nn

from genkit.api import GAN

pytestmark = pytest.mark.trains

LATENT = 3


def size_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_dcgan_has_the_size_of_the_published_digits() -> None:
    with torch.device("meta"):
        model = DCGAN(norm="none", data_shape=(1, 28, 28))
    up = 128 * 4096 + 4096 + 25 * (256 * 128 + 128 * 64 + 64) + 128 + 64 + 1
    assert size_of(model.generator) == up
    # The published critic has one more bias, at its output.
    assert size_of(model.critic) == 25 * (64 + 64 * 128 + 128 * 256) + 64 + 128 + 256 + 4096


def test_resnet_gan_has_the_size_published_for_cifar_10() -> None:
    with torch.device("meta"):
        model = ResNetGAN(data_shape=(3, 32, 32))
    convolution, pointwise = 9 * 128 * 128, 128 * 128
    # Generator: three blocks of two convolutions and a shortcut, seven norms. (The published one also has nine biases.)
    ends = 128 * 2048 + 2048 + 9 * 128 * 3 + 3
    assert size_of(model.generator) == 3 * (2 * convolution + pointwise) + 7 * 2 * 128 + ends
    # Critic: a first block, one that halves, two that do not; a bias in each convolution except the shortcuts.
    first = 9 * 3 * 128 + convolution + 3 * 128
    assert size_of(model.critic) == first + 6 * convolution + pointwise + 8 * 128 + 128


@pytest.mark.parametrize(
    ("channels", "side"), [((128, 128, 128), 32), ((64, 128, 256, 512), 64), ((64, 128, 256, 512, 512), 128)]
)
def test_the_maps_of_resnet_gan_grow_from_4x4_to_the_image_and_shrink_to_8x8(
    channels: tuple[int, ...], side: int
) -> None:
    with torch.device("meta"):
        model = ResNetGAN(channels=channels, data_shape=(3, side, side))
        shapes: list[tuple[int, ...]] = []
        for network in (model.generator, model.critic):
            for module in network:
                module.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
        model.critic(model.sample(torch.empty(2, 128)))
    assert (channels[-1], 4, 4) in shapes and shapes.count((channels[-1], 8, 8)) >= 2
    assert (channels[0], side, side) in shapes


@pytest.mark.parametrize("network", [DCGAN, ResNetGAN])
def test_points_are_refused(network: type[GAN]) -> None:
    with pytest.raises(ValueError, match=r"images.*\(2,\)"):
        network(data_shape=(2,))


def test_resnet_gan_refuses_sides_that_it_cannot_halve() -> None:
    with pytest.raises(ValueError, match="28x28.*24x24.*32x32"):
        ResNetGAN(data_shape=(1, 28, 28))
    with pytest.raises(ValueError, match=r"channels = \[8\].*\[64, 128\]"):
        ResNetGAN(channels=(8,), data_shape=(1, 28, 28))


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (nn.Linear(40, 60), 40 + 60),
        (nn.Conv2d(8, 16, 5), 25 * (8 + 16)),
        (nn.Conv2d(8, 16, 5, stride=2), 25 * (8 + 16 / 4)),
        (nn.ConvTranspose2d(8, 16, 5, stride=2), 25 * (8 / 4 + 16)),
    ],
)
@pytest.mark.parametrize(("rectified", "numerator"), [(True, 4), (False, 2)])
def test_initial_weights_have_the_published_variance(layer, fans, rectified, numerator) -> None:
    torch.manual_seed(0)
    initialise(layer, rectified=rectified)
    assert layer.weight.var().item() == pytest.approx(numerator / fans, rel=0.1)
    assert not layer.bias.any()


def test_generator_and_critic_go_through_the_same_sides() -> None:
    model = DCGAN(latent_dim=LATENT, channels=(4, 5, 6), data_shape=(1, 28, 27))
    seen: list[tuple[int, ...]] = []
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.register_forward_hook(lambda layer, inputs, output: seen.append(tuple(output.shape[2:])))
    model.critic(model.sample(torch.randn(2, LATENT)))
    assert seen == [(7, 7), (14, 14), (28, 27), (14, 14), (7, 7), (4, 4)]
    assert all(a != b for a, b in pairwise(seen))
