"""All densities: published centres and boxes, and points that depend only on their row of noise."""

import math

import numpy as np
import pytest
import torch

from genkit.api import Noise, Rows
from genkit.bases.datasets.mixture import GaussianMixture
from genkit.parts.datasets.checkerboard import Checkerboard
from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.datasets.rings import Rings
from genkit.parts.datasets.twenty_five_gaussians import TwentyFiveGaussians
from genkit.parts.datasets.two_spirals import TwoSpirals

DENSITIES = (EightGaussians(), TwentyFiveGaussians(), TwoSpirals(), Checkerboard(), Rings())

every_density = pytest.mark.parametrize("data", DENSITIES, ids=lambda data: type(data).__name__)


def drawn(data, rows, seed=0, step=3, **keys):
    return data.batch(torch.arange(len(rows)), Noise(seed, step, "data", rows, **keys)).x


def published_eight():
    """The published list of centres, times the scale 2 that `ToyDataset` keeps, over 1.414."""
    axes = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    diagonals = [(a / np.sqrt(2), b / np.sqrt(2)) for a in (1, -1) for b in (1, -1)]
    return [(2 * x / 1.414, 2 * y / 1.414) for x, y in axes + diagonals]


def published_twenty_five():
    """Twice the integers from -2 to 2, over 2.828, times the scale 2."""
    return [(2 * x / 2.828 * 2, 2 * y / 2.828 * 2) for x in range(-2, 3) for y in range(-2, 3)]


@pytest.mark.parametrize(
    ("data", "published"),
    [(EightGaussians(), published_eight()), (TwentyFiveGaussians(), published_twenty_five())],
    ids=("8", "25"),
)
def test_the_centres_are_the_published_ones(data, published):
    assert len(data.centres) == len(published)
    distance = torch.cdist(data.centres, torch.tensor(published, dtype=torch.float64))
    assert distance.min(dim=0).values.max() < 1e-14 and distance.min(dim=1).values.max() < 1e-14


@pytest.mark.parametrize(
    ("data", "std"), [(EightGaussians(), 0.02 / 1.414), (TwentyFiveGaussians(), 0.05 / 2.828 * 2)], ids=("8", "25")
)
def test_each_mode_has_its_share_mean_and_standard_deviation(data, std):
    x, modes = drawn(data, Rows.all(200_000)).double(), len(data.centres)
    mode = torch.cdist(x, data.centres).argmin(dim=1)
    for m, centre in enumerate(data.centres):
        own = x[mode == m]
        assert len(own) / len(x) == pytest.approx(1 / modes, abs=5 * math.sqrt((1 / modes) * (1 - 1 / modes) / len(x)))
        assert torch.allclose(own.mean(dim=0), centre, atol=5 * data.std / math.sqrt(len(own)))
        assert own.std(dim=0).numpy() == pytest.approx(std, rel=5 / math.sqrt(2 * len(own)))


@every_density
def test_two_processes_draw_the_same_batch_as_one(data):
    parts = torch.cat([drawn(data, Rows(0, 3, 8)), drawn(data, Rows(3, 8, 8))])
    assert torch.equal(parts, drawn(data, Rows.all(8)))


@every_density
def test_a_point_depends_only_on_its_row_of_noise(data):
    noise = Noise(0, 3, "data", Rows.all(8))
    assert torch.equal(data.batch(torch.arange(8), noise).x, data.batch(torch.arange(8).flip(0) + 90, noise).x)


@every_density
def test_another_step_or_seed_draws_other_points(data):
    here = drawn(data, Rows.all(8))
    assert torch.equal(here, drawn(data, Rows.all(8)))
    for other in (drawn(data, Rows.all(8), step=4), drawn(data, Rows.all(8), seed=1)):
        assert not (here == other).any()


@every_density
def test_no_two_points_of_a_batch_share_a_coordinate(data):
    # An equal coordinate would come from a wrong shape: one number for a whole batch, or for both directions.
    assert drawn(data, Rows.all(64)).unique().numel() == 128


@every_density
def test_a_density_has_no_end_and_is_its_own_held_out_split(data):
    assert (data.shape, data.split, data.size, data.unmet()) == ((2,), "drawn", None, ())
    assert data.held_out() is data


@every_density
def test_the_box_is_the_published_one_and_contains_all_points(data):
    assert data.half_width == (2.0 if isinstance(data, EightGaussians) else 4.0)
    assert drawn(data, Rows.all(200_000)).abs().max() <= data.half_width


def test_a_new_mixture_needs_only_centres_std_and_half_width():
    class TwoPoints(GaussianMixture):
        centres = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]], dtype=torch.float64)
        std = 0.0
        half_width = 2.0

    x = TwoPoints().batch(torch.arange(64), Noise(0, 0, "data", Rows.all(64))).x
    assert x.shape == (64, 3) and set(x[:, 0].tolist()) == {-1.0, 1.0}


@every_density
def test_points_have_the_dtype_and_device_of_the_noise(data):
    single, double = (drawn(data, Rows.all(64), dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert (single.dtype, double.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)
    assert drawn(data, Rows.all(64), device=torch.device("meta")).shape == (64, 2)
