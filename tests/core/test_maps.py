"""Maps keep their sum, agree with scipy, and put what they spread where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from genkit.core.maps import smoothed, spread_positions, summed_over_channels


def maps(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0, 7.5])
@pytest.mark.parametrize("shape", [(2, 28, 28), (1, 17, 40), (3, 5, 1)])
def test_a_smoothed_map_is_that_of_scipy(shape, sigma):
    x = maps(*shape)
    expected = np.stack([gaussian_filter(each.numpy(), sigma, mode="reflect") for each in x])
    np.testing.assert_allclose(smoothed(x, sigma).numpy(), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("sigma", [0.0, 0.5, 3.0, 50.0])
def test_smoothing_keeps_the_sum_and_a_constant(sigma):
    x = maps(3, 12, 7)
    torch.testing.assert_close(smoothed(x, sigma).sum(dim=(1, 2)), x.sum(dim=(1, 2)))
    torch.testing.assert_close(smoothed(torch.full_like(x, 2.5), sigma), torch.full_like(x, 2.5))


def test_no_smoothing_changes_no_bit():
    x = maps(1, 4, 4).float()
    assert smoothed(x, 0) is x


@pytest.mark.parametrize("shape", [(28, 28), (27, 14), (5, 9), (3, 3), (1, 1), (2, 31)])
@pytest.mark.parametrize("positions", [(7, 7), (14, 3), (1, 1), (30, 40)])
def test_spreading_keeps_the_sum(shape, positions):
    x = maps(2, *positions)
    found = spread_positions(x, *shape)
    assert found.shape == (2, *shape) and (found >= 0).all()
    torch.testing.assert_close(found.sum(dim=(1, 2)), x.sum(dim=(1, 2)))


def test_spreading_is_nearest_upsampling_by_the_area():
    x = maps(2, 4, 7)
    expected = x.repeat_interleave(3, dim=1).repeat_interleave(2, dim=2) / 6
    torch.testing.assert_close(spread_positions(x, 12, 14), expected)


def test_a_pixel_on_the_edge_of_two_positions_gets_a_part_of_both():
    found = spread_positions(torch.tensor([[[2.0, 30.0]]], dtype=torch.float64), 1, 3)
    torch.testing.assert_close(found, torch.tensor([[[4 / 3, 2 / 3 + 10, 20]]], dtype=torch.float64))


def test_points_have_no_map():
    with pytest.raises(ValueError, match=r"\(2,\)"):
        summed_over_channels(torch.zeros(3, 2))
