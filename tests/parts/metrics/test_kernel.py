"""The kernel distance: its definition, its bias, and its subsets."""

import itertools
import math

import numpy as np
import pytest
from support.evaluations import normal, value
from support.messages import assert_names

from genkit.parts.datasets.eight_gaussians import EightGaussians
from genkit.parts.extractors.pixels import Pixels
from genkit.parts.metrics.kernel import KernelDistance, squared_mmd


def test_the_mmd_is_the_sum_over_pairs():
    x, y = normal(6, 4, 0).double(), normal(6, 4, 1, shift=1).double()

    def k(a, b):
        return (float(a @ b) / 4 + 1) ** 3

    pairs = list(itertools.permutations(range(6), 2))
    within = sum(k(s[i], s[j]) for s in (x, y) for i, j in pairs) / len(pairs)
    across = sum(k(a, b) for a in x for b in y) / 36
    assert squared_mmd(x, y) == pytest.approx(within - 2 * across, rel=1e-12)


def test_the_distance_of_equal_distributions_is_zero_on_average_and_can_be_negative():
    metric = KernelDistance(Pixels(), samples=300, subsets=5, subset_size=50)
    found = [value(metric, normal(300, 4, seed), normal(300, 4, 100 + seed)) for seed in range(30)]
    assert min(found) < 0 < max(found)
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(len(found))
    assert value(metric, normal(300, 4, 1, shift=1), normal(300, 4, 2)) > 10 * max(found)


@pytest.mark.parametrize("subsets", [1, 100])
def test_one_subset_of_all_samples_is_the_whole_estimate(subsets):
    x, y = normal(40, 3, 0), normal(40, 3, 1, shift=0.3)
    metric = KernelDistance(Pixels(), samples=40, subsets=subsets, subset_size=40)
    assert value(metric, y, x) == pytest.approx(squared_mmd(x.double(), y.double()), rel=1e-9)


def test_the_subsets_differ_so_that_their_mean_is_near_the_whole_estimate():
    """The estimate is 10.1; of one subset of 20 it has a standard deviation of 5.3, of the mean over 400 about 0.3."""
    x, y = normal(200, 3, 0), normal(200, 3, 1, shift=1)
    one, many = (KernelDistance(Pixels(), samples=200, subsets=number, subset_size=20) for number in (1, 400))
    assert value(many, y, x) == pytest.approx(squared_mmd(x.double(), y.double()), abs=1)
    assert value(many, y, x) == value(many, y, x) != value(one, y, x)


def test_a_subset_larger_than_the_samples_is_refused():
    with pytest.raises(ValueError) as refused:
        KernelDistance(Pixels(), samples=500, subset_size=501)
    assert_names(refused.value, "subset_size = 501", "samples = 500", "Set subset_size = 500")


@pytest.mark.parametrize(("samples", "subsets"), [(500, "1 of 500"), (1000, "1 of 1000"), (2000, "100 of 1000")])
def test_the_protocol_states_the_subsets_of_1000_samples_or_one_of_all(samples, subsets):
    assert KernelDistance(Pixels(), samples=samples).protocol(EightGaussians(), None).details["subsets"] == subsets
