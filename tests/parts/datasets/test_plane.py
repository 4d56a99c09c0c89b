"""Densities that are not mixtures, compared with their distribution functions, in closed form or integrated."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from genkit.api import Noise, Rows
from genkit.parts.datasets.checkerboard import Checkerboard
from genkit.parts.datasets.rings import Rings
from genkit.parts.datasets.two_spirals import TwoSpirals

DRAWS = 100_000


def drawn(data):
    noise = Noise(0, 0, "data", Rows.all(DRAWS), dtype=torch.float64)
    return data.batch(torch.arange(DRAWS), noise).x.numpy()


def assert_counts_fit(counts, probabilities):
    """Compare counts, (K,), with probabilities, (K,), by Pearson's test."""
    assert stats.chisquare(counts, DRAWS * probabilities).pvalue > 1e-3


# The checkerboard


BOARD = """
.#.#
#.#.
.#.#
#.#.
"""  # y upwards, x to the right: squares of side 2 in the box [-4, 4]²


def test_the_checkerboard_is_uniform_on_half_of_the_squares_and_zero_on_the_others():
    filled = np.array([[square == "#" for square in row] for row in reversed(BOARD.split())]).T
    each = 5  # cells along the side of a square
    cells = np.kron(filled, np.ones((each, each))) / (filled.sum() * each**2)
    counts, _, _ = np.histogram2d(*drawn(Checkerboard()).T, bins=len(cells), range=[[-4, 4]] * 2)
    assert counts[cells == 0].sum() == 0
    assert_counts_fit(counts[cells > 0], cells[cells > 0])


# The rings


def test_the_radii_of_the_rings_follow_four_rice_distributions():
    radii = np.linalg.norm(drawn(Rings()), axis=1)

    def distribution(r):
        return np.mean([stats.rice.cdf(r, b=ring / 0.08, scale=0.08) for ring in (0.75, 1.5, 2.25, 3.0)], axis=0)

    assert stats.kstest(radii, distribution).pvalue > 1e-3


def test_the_angles_are_uniform_on_each_ring():
    x = drawn(Rings())
    ring = (np.linalg.norm(x, axis=1) / 0.75).round()
    assert set(ring) == {1, 2, 3, 4}
    for one in range(1, 5):
        angle = np.arctan2(x[ring == one, 1], x[ring == one, 0])
        assert len(angle) / DRAWS == pytest.approx(1 / 4, abs=0.007)
        assert stats.kstest(angle, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3


# The spirals


def uniform_plus_normal(t, width, std):
    """Distribution function of U(0, width) + N(0, std²): the integral of the normal one over the width."""

    def integral(u):
        return u * stats.norm.cdf(u) + stats.norm.pdf(u)

    return std / width * (integral(t / std) - integral((t - width) / std))


def cells_of_the_spirals(edges):
    """Probability of each cell of a grid, integrated along the curve; the offset and the noise are in closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    n = 3 * math.pi * (nodes + 1) / 2
    weights = weights * n / (3 * math.pi)  # n = 3π√u has the density 2n/(3π)² on [0, 3π]

    arm = np.zeros((len(edges) - 1,) * 2)
    for angle, weight in zip(n, weights):
        at = (-angle * math.cos(angle) / 3, angle * math.sin(angle) / 3)
        x, y = (np.diff(uniform_plus_normal(edges - middle, 1 / 6, 0.1)) for middle in at)
        arm += weight * np.outer(x, y)
    return (arm + arm[::-1, ::-1]) / 2  # the other arm is the reflection in the origin


def test_the_expected_probabilities_of_the_spirals_sum_to_1():
    assert cells_of_the_spirals(np.linspace(-4, 4, 65)).sum() == pytest.approx(1, abs=1e-9)


def test_the_spirals_have_the_integrated_density():
    edges = np.linspace(-4, 4, 65)
    counts, _, _ = np.histogram2d(*drawn(TwoSpirals()).T, bins=[edges, edges])
    expected = cells_of_the_spirals(edges)
    rare = expected < 1e-4  # counted together, since the test needs some draws in each cell
    assert_counts_fit(*(np.append(each[~rare], each[rare].sum()) for each in (counts, expected)))


# All


@pytest.mark.parametrize("data", [Checkerboard(), Rings(), TwoSpirals()], ids=lambda data: type(data).__name__)
def test_the_density_is_its_own_reflection_in_the_origin(data):
    x = drawn(data)
    assert np.abs(x.mean(axis=0)).max() < 5 * x.std() / math.sqrt(DRAWS)
