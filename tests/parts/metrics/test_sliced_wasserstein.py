"""The sliced Wasserstein distance: optimal assignments and closed forms."""

import math

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from support.evaluations import normal, value

from genkit.parts.metrics.sliced_wasserstein import SlicedWasserstein


def test_in_one_dimension_it_is_the_optimal_assignment():
    x, y = normal(60, 1, 0), normal(60, 1, 1, scale=2, shift=1)
    costs = (x.double() - y.double().T).square().numpy()
    best = costs[linear_sum_assignment(costs)].mean()
    assert value(SlicedWasserstein(projections=3), y, x) == pytest.approx(math.sqrt(best), rel=1e-6)


@pytest.mark.parametrize("size", [1, 2, 30])
def test_a_shift_has_a_closed_form(size):
    x, shift = normal(50, size, 0), normal(1, size, 1)
    found = value(SlicedWasserstein(projections=4000), x + shift, x)
    assert found == pytest.approx(shift.norm().item() / math.sqrt(size), rel=0.05 if size > 1 else 1e-5)


def test_gaussians_of_different_scale_have_a_closed_form():
    real, fake = normal(20_000, 5, 1), normal(20_000, 5, 2, scale=3)
    assert value(SlicedWasserstein(projections=50), fake, real) == pytest.approx(2, rel=0.02)


def test_it_is_symmetric_and_zero_for_equal_samples_in_any_order():
    x, y = torch.rand(64, 1, 6, 5), torch.rand(64, 1, 6, 5)
    metric = SlicedWasserstein(projections=70)
    assert value(metric, x.flip(0), x) == 0
    assert value(metric, x, y) == pytest.approx(value(metric, y, x), rel=1e-12)
