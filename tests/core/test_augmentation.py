"""Cutout and shift, compared with loops over pixels."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genkit.api import cutout, shift
from genkit.core.noise import Noise, Rows

SIZE = (6, 10)


def noise(rows: int, step: int = 0, *, own: Rows | None = None) -> Noise:
    return Noise(0, step, "test", own or Rows.all(rows), dtype=torch.float64)


def pictures(rows: int) -> Tensor:
    """Return pictures without a 0, (B, 2, *SIZE)."""
    return 1 + torch.rand(rows, 2, *SIZE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def cut(x: Tensor, drawn: Noise, probability: float = 1.0, side: float = 0.5) -> Tensor:
    return cutout(x, drawn, side=side, probability=probability)


def moved(x: Tensor, drawn: Noise, probability: float = 1.0, distance: float = 0.2) -> Tensor:
    return shift(x, drawn, distance=distance, probability=probability)


BOTH = pytest.mark.parametrize("change", [cut, moved])


def test_cutout_removes_one_rectangle_of_at_most_the_stated_side() -> None:
    x = pictures(400)
    hidden = cut(x, noise(400)) == 0
    assert torch.equal(hidden[:, 0], hidden[:, 1])  # of all channels
    full, centres = 0, set()
    for picture in hidden[:, 0]:
        rows, columns = picture.any(dim=1).nonzero().flatten(), picture.any(dim=0).nonzero().flatten()
        height, width = len(rows), len(columns)
        assert rows.tolist() == list(range(int(rows[0]), int(rows[0]) + height))
        assert columns.tolist() == list(range(int(columns[0]), int(columns[0]) + width))
        assert picture.sum() == height * width and 1 <= height <= 3 and 2 <= width <= 5
        # Only at the border is the rectangle smaller, since its centre is within the picture.
        assert height == 3 or rows[0] == 0 or rows[-1] == SIZE[0] - 1
        assert width == 5 or columns[0] == 0 or columns[-1] == SIZE[1] - 1
        full += height * width == 15
        if height * width == 15:
            centres.add((int(rows[0]), int(columns[0])))
    assert full / 400 == pytest.approx(4 / 6 * 6 / 10, abs=0.08)  # centres at which nothing is cut off
    assert len(centres) == 4 * 6


def test_cutout_changes_nothing_else() -> None:
    x = pictures(50)
    found = cut(x, noise(50))
    assert torch.equal(found[found != 0], x[found != 0])


def test_shift_moves_each_picture_by_whole_pixels_and_fills_with_0() -> None:
    x = pictures(200)
    found, seen = moved(x, noise(200)), set()
    for before, after in zip(x, found, strict=True):
        for down, right in ((down, right) for down in (-1, 0, 1) for right in (-2, -1, 0, 1, 2)):
            expected = torch.zeros_like(before)
            for i in range(SIZE[0]):
                for j in range(SIZE[1]):
                    if 0 <= i - down < SIZE[0] and 0 <= j - right < SIZE[1]:
                        expected[:, i, j] = before[:, i - down, j - right]
            if torch.equal(after, expected):
                seen.add((down, right))
                break
        else:
            pytest.fail("no shift by at most the stated distance")
    assert len(seen) == 3 * 5


@BOTH
def test_the_probability_is_that_of_a_change(change: Callable[..., Tensor]) -> None:
    x = pictures(600)
    assert torch.equal(change(x, noise(600), 0.0), x)
    always = (change(x, noise(600), 1.0) != x).flatten(1).any(dim=1)
    often = (change(x, noise(600), 0.5) != x).flatten(1).any(dim=1)
    assert always.double().mean() > 0.9  # a shift by (0, 0) changes nothing
    assert (often / always.double().mean()).double().mean().item() == pytest.approx(0.5, abs=0.07)


@pytest.mark.parametrize("change", [lambda x: cut(x, noise(9), side=0.0), lambda x: moved(x, noise(9), distance=0.0)])
def test_a_side_or_a_distance_of_0_changes_nothing(change: Callable[[Tensor], Tensor]) -> None:
    assert torch.equal(change(pictures(9)), pictures(9))


def test_a_side_of_1_can_hide_a_whole_picture_and_a_distance_of_1_can_move_it_away() -> None:
    assert (cut(pictures(300), noise(300), side=1.0) == 0).flatten(1).all(dim=1).any()
    assert (moved(pictures(300), noise(300), distance=1.0) == 0).flatten(1).all(dim=1).any()


@BOTH
def test_the_gradient_is_that_of_finite_differences(change: Callable[..., Tensor]) -> None:
    x = pictures(3).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: change(y, noise(3)).sin(), x)


@BOTH
def test_each_picture_and_each_step_has_its_own_change(change: Callable[..., Tensor]) -> None:
    x = pictures(1).expand(30, -1, -1, -1)
    assert len({tuple(each.flatten().tolist()) for each in change(x, noise(30))}) > 10
    assert not torch.equal(change(x, noise(30)), change(x, noise(30, step=1)))


@BOTH
def test_the_rows_of_two_processes_are_those_of_one(change: Callable[..., Tensor]) -> None:
    x = pictures(8)
    halves = [change(x[start : start + 4], noise(4, own=Rows(start, start + 4, 8)), 0.5) for start in (0, 4)]
    assert torch.equal(torch.cat(halves), change(x, noise(8), 0.5))


@BOTH
def test_points_are_refused(change: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match="pictures"):
        change(torch.zeros(4, 2), noise(4))
