import math

import numpy as np
import pytest
import torch

from genkit.api import Noise, Rows
from genkit.data.eight_gaussians import EightGaussians
from genkit.data.mixture import GaussianMixture


def drawn(rows, seed=0, step=3):
    return EightGaussians().batch(torch.arange(len(rows)), Noise(seed, step, "data", rows)).x


def test_the_centres_are_the_published_ones():
    published = [(1, 0), (-1, 0), (0, 1), (0, -1)] + [
        (a / np.sqrt(2), b / np.sqrt(2)) for a in (1, -1) for b in (1, -1)
    ]
    published = sorted((2 * x / 1.414, 2 * y / 1.414) for x, y in published)
    centres = EightGaussians().centres
    distance = torch.cdist(centres, torch.tensor(published, dtype=torch.float64))
    assert distance.min(dim=0).values.max() < 1e-14 and distance.min(dim=1).values.max() < 1e-14


def test_each_mode_has_its_share_its_mean_and_its_spread():
    x, data = drawn(Rows.all(200_000)).double(), EightGaussians()
    mode = torch.cdist(x, data.centres).argmin(dim=1)
    for m, centre in enumerate(data.centres):
        own = x[mode == m]
        assert len(own) / len(x) == pytest.approx(1 / 8, abs=5 * math.sqrt(1 / 8 * 7 / 8 / len(x)))
        assert torch.allclose(own.mean(dim=0), centre, atol=5 * data.std / math.sqrt(len(own)))
        assert own.std(dim=0).numpy() == pytest.approx(0.02 / 1.414, rel=0.03)


def test_two_processes_draw_the_batch_of_one():
    halves = torch.cat([drawn(Rows(0, 4, 8)), drawn(Rows(4, 8, 8))])
    assert torch.equal(halves, drawn(Rows.all(8)))


def test_steps_and_seeds_draw_other_points():
    here = drawn(Rows.all(8))
    assert not torch.equal(here, drawn(Rows.all(8), step=4)) and not torch.equal(here, drawn(Rows.all(8), seed=1))


def test_a_density_never_ends_and_holds_itself_out():
    data = EightGaussians()
    assert (data.shape, data.split, data.size, data.unmet()) == ((2,), "drawn", None, ())
    assert data.held_out() is data


def test_a_new_mixture_states_its_centres_its_std_and_its_box():
    class TwoPoints(GaussianMixture):
        centres = torch.tensor([[-1.0, 0, 0], [1.0, 0, 0]], dtype=torch.float64)
        std = 0.0
        half_width = 2.0

    x = TwoPoints().batch(torch.arange(64), Noise(0, 0, "data", Rows.all(64))).x
    assert x.shape == (64, 3) and set(x[:, 0].tolist()) == {-1.0, 1.0}


def test_points_take_the_dtype_of_the_noise():
    noise = Noise(0, 0, "data", Rows.all(4), dtype=torch.float64)
    assert EightGaussians().batch(torch.arange(4), noise).x.dtype == torch.float64
