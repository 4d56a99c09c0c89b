"""The distance between the features of two batches: closed forms, and its gradient."""

from __future__ import annotations

import torch
from genkit_reversed.embedding import embedding_distance
from torch import Tensor


def levels(seed: int, *shapes: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(5, *shape, dtype=torch.float64, generator=generator) for shape in shapes]


SHAPES = ((4, 6, 6), (7,), (2, 3))


def test_the_distance_is_zero_for_equal_features_and_symmetric():
    f, g = levels(1, *SHAPES), levels(2, *SHAPES)
    torch.testing.assert_close(embedding_distance(f, f), torch.zeros(5).double(), rtol=0, atol=1e-14)
    torch.testing.assert_close(embedding_distance(f, g), embedding_distance(g, f), rtol=1e-14, atol=0)
    assert embedding_distance(f, g).shape == (5,) and (embedding_distance(f, g) > 0).all()


def test_the_distance_of_opposite_features_has_a_closed_form():
    """cos(f, -f) = -1 and (f - (-f))² = 4f²: each level gives 2·mean(f²) + 2."""
    f = levels(3, *SHAPES)
    expected = sum(2 * level.square().flatten(1).mean(dim=1) + 2 for level in f)
    torch.testing.assert_close(embedding_distance(f, [-level for level in f]), expected)


def test_each_level_counts_the_same_whatever_its_size():
    for number in range(len(SHAPES)):
        one, other = levels(4, *SHAPES), levels(5, *SHAPES)
        alone = embedding_distance(one[number : number + 1], other[number : number + 1])
        without = embedding_distance(*([*x[:number], *x[number + 1 :]] for x in (one, other)))
        torch.testing.assert_close(embedding_distance(one, other), alone + without)


def test_features_of_zeros_have_a_finite_gradient():
    f = torch.zeros(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    g = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    for other in (g, torch.zeros_like(g)):
        (gradient,) = torch.autograd.grad(embedding_distance([f], [other]).sum(), f)
        assert gradient.isfinite().all()
