"""Running moments: equal to the moments of all chunks together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genkit.core.moments import RunningMoments


def values(rows: int, mean: float = 0.0) -> Tensor:
    return mean + torch.randn(rows, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def moments_of(x: Tensor, *sizes: int) -> RunningMoments:
    moments = RunningMoments()
    for chunk in x.split(sizes):
        centre = chunk.mean(dim=0)
        moments.merge(len(chunk), centre, (chunk - centre).square().sum(dim=0))
    return moments


@pytest.mark.parametrize("sizes", [(100,), (50, 50), (1, 98, 1), (1,) * 100])
def test_any_chunks_give_the_moments_of_all_rows(sizes) -> None:
    x = values(100)
    moments = moments_of(x, *sizes)
    assert moments.count == 100
    torch.testing.assert_close(moments.mean, x.mean(dim=0), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(moments.variance, x.var(dim=0), rtol=1e-12, atol=0)


def test_a_large_mean_costs_no_digits_of_the_variance() -> None:
    x = values(1000, mean=1e7)
    torch.testing.assert_close(moments_of(x, *[10] * 100).variance, x.var(dim=0), rtol=1e-8, atol=0)


def test_the_variance_of_one_row_is_0() -> None:
    assert torch.equal(moments_of(values(1), 1).variance, torch.zeros(3, dtype=torch.float64))
