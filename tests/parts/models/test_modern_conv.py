"""Residual autoencoder with current layers: operations, initial weights and numbers of blocks."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from genkit.core.model import Model
from genkit.parts.models.introvae_conv import IntroVAEConv
from genkit.parts.models.modern_conv import ModernConv


def flops_of(model: Model) -> int:
    with FlopCounterMode(display=False) as count:
        model.reconstruct(torch.empty(1, *model.data_shape))
    return count.get_total_flops()


@pytest.mark.parametrize(("shape", "channels"), [((1, 28, 28), (64, 128)), ((3, 32, 32), (64, 128, 256))])
def test_an_image_takes_about_as_many_operations_as_in_the_published_network(shape, channels) -> None:
    with torch.device("meta"):
        ours, theirs = (network(channels=channels, data_shape=shape) for network in (ModernConv, IntroVAEConv))
        assert flops_of(ours) == pytest.approx(flops_of(theirs), rel=0.1)


def test_the_four_pixels_of_a_position_start_equal() -> None:
    model = ModernConv(latent_dim=3, channels=(8, 16), data_shape=(3, 8, 12))
    samples = model.sample(torch.randn(2, 3))
    torch.testing.assert_close(samples[:, :, ::2, ::2].repeat_interleave(2, 2).repeat_interleave(2, 3), samples)


def test_weights_are_kept_channels_last() -> None:
    model = ModernConv(latent_dim=3, channels=(8, 16), data_shape=(3, 8, 12))
    kernels = [parameter for parameter in model.parameters() if parameter.dim() == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@pytest.mark.parametrize(("encoder_blocks", "decoder_blocks"), [(1, 1), (3, 2)])
def test_each_entry_of_channels_has_the_requested_number_of_blocks(encoder_blocks: int, decoder_blocks: int) -> None:
    model = ModernConv(
        channels=(8, 16), encoder_blocks=encoder_blocks, decoder_blocks=decoder_blocks, data_shape=(1, 8, 8)
    )
    counted = [
        sum(type(part).__name__ == "PreActivationBlock" for part in child.modules()) for child in model.children()
    ]
    assert counted == [2 * encoder_blocks, 2 * decoder_blocks]
