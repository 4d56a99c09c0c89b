"""Share of the variance between samples that their reconstructions follow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from genkit.core.reconstructed_variance import ReconstructedVariance

pytestmark = pytest.mark.fast

SHAPES = [(3,), (3, 4, 5)]
NUMBER = 60


def pairs(shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(NUMBER, *shape, generator=generator)
    return x, 0.3 * x + 0.1 * torch.rand(NUMBER, *shape, generator=generator) + 5


def share_of(x: Tensor, outputs: Tensor, *sizes: int) -> float | None:
    variance = ReconstructedVariance()
    sizes = sizes or (len(x),)
    for chunk, of_chunk in zip(x.split(sizes), outputs.split(sizes), strict=True):
        variance.add(chunk, of_chunk)
    assert variance.count == len(x)
    return variance.share


def share_by_numpy(x: Tensor, outputs: Tensor) -> float:
    """Return the share from the covariance matrix of each value of a sample with its reconstruction."""
    columns = zip(*(each.double().numpy().reshape(len(x), -1).T for each in (x, outputs)), strict=True)
    matrices = [np.cov(of_x, of_outputs) for of_x, of_outputs in columns]
    return sum(matrix[0, 1] for matrix in matrices) / sum(matrix[0, 0] for matrix in matrices)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sizes", [(60,), (1, 59), (20, 0, 40), (1,) * 60])
def test_any_chunks_give_the_share_that_numpy_has_of_all_samples(shape, sizes) -> None:
    x, outputs = pairs(shape)
    assert share_of(x, outputs, *sizes) == pytest.approx(share_by_numpy(x, outputs), rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_samples_follow_themselves_and_one_picture_follows_nothing(shape) -> None:
    x, _ = pairs(shape)
    assert share_of(x, x, 7, 53) == 1
    assert share_of(x, x[:1].expand_as(x), 7, 53) == pytest.approx(0, abs=1e-12)


def test_varied_outputs_that_are_unrelated_follow_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    x, outputs = (torch.rand(5000, 30, generator=generator) for _ in range(2))
    assert abs(share_of(x, outputs)) < 5 / math.sqrt(5000 * 30)  # five standard deviations of a correlation
    assert share_of(x, -x) == -1


def test_means_of_clusters_explain_the_share_that_they_follow() -> None:
    x, _ = pairs((3,))
    means = x.double().unflatten(0, (10, 6)).mean(dim=1, keepdim=True).expand(10, 6, 3).flatten(0, 1)
    residual, total = (x - means).square().sum(), (x - x.double().mean(dim=0)).square().sum()
    assert share_of(x, means, 25, 35) == pytest.approx(1 - (residual / total).item(), rel=1e-6)


def test_constants_change_nothing_and_a_factor_is_a_factor() -> None:
    x, outputs = (each.double() for each in pairs((3,)))
    share = share_of(x, outputs)
    assert share_of(x - 3, outputs + 7) == pytest.approx(share, rel=1e-9)
    assert share_of(x, 0.5 * outputs) == pytest.approx(share / 2, rel=1e-9)


def test_differences_that_are_tiny_beside_the_mean_keep_their_digits() -> None:
    x, _ = pairs((3,))
    assert share_of(x.double(), 1e4 + 1e-4 * x.double(), *[1] * 60) == pytest.approx(1e-4, rel=1e-6)


def test_samples_of_low_precision_are_summed_in_float64() -> None:
    x, outputs = (each.bfloat16() for each in pairs((3,)))
    assert share_of(x, outputs, 30, 30) == pytest.approx(share_by_numpy(x, outputs), rel=1e-9)


def test_the_share_is_unknown_without_differences_or_with_values_that_are_not_finite() -> None:
    x, outputs = pairs((3,))
    assert ReconstructedVariance().share is None
    assert share_of(x[:1], outputs[:1]) is None
    assert share_of(torch.ones_like(x), outputs) is None
    for bad in (np.nan, np.inf):
        assert share_of(x, torch.full_like(x, bad)) is None
        assert share_of(torch.full_like(x, bad), outputs) is None


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="reconstructions of"):
        ReconstructedVariance().add(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))
