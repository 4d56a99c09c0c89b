"""Paths between latent codes."""

import math

import pytest
import torch

from genkit.core.latent_paths import PATHS, linear_path, spherical_path


def codes(count=5, latent_dim=16, seed=0):
    return torch.randn(2, count, latent_dim, generator=torch.Generator().manual_seed(seed)).unbind()


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_path_starts_and_ends_at_its_codes(path, dtype):
    a, b = (z.to(dtype) for z in codes())
    z = path(a, b, 7)
    assert z.shape == (5, 7, 16) and z.dtype == dtype
    torch.testing.assert_close(z[:, 0], a)
    torch.testing.assert_close(z[:, -1], b)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_path_from_b_to_a_is_the_reverse_of_the_path_from_a_to_b(path):
    a, b = codes()
    torch.testing.assert_close(path(b, a, 6), path(a, b, 6).flip(1))


def test_a_linear_path_has_equal_steps():
    steps = linear_path(*codes(), 9).diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps))


def test_a_spherical_path_between_codes_of_equal_length_keeps_the_length_and_turns_evenly():
    a, b = (torch.nn.functional.normalize(z, dim=1) * 4 for z in codes())
    z = spherical_path(a, b, 9)
    torch.testing.assert_close(z.norm(dim=2), torch.full((5, 9), 4.0))
    cosines = torch.nn.functional.cosine_similarity(z[:, :-1], z[:, 1:], dim=2)
    torch.testing.assert_close(cosines, cosines[:, :1].expand_as(cosines))


def test_a_spherical_path_follows_its_formula():
    a, b = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    expected = [
        2 * math.cos(math.pi / 4),
        2 * math.sin(math.pi / 4),
    ]  # halfway: the mean length, half of the right angle
    torch.testing.assert_close(spherical_path(a, b, 3)[0, 1], torch.tensor(expected))


@pytest.mark.parametrize("factor", [2.0, -0.5, -1.0, 0.0])
def test_the_spherical_path_between_parallel_or_opposite_codes_is_linear(factor):
    a, _ = codes()
    torch.testing.assert_close(spherical_path(a, factor * a, 5), linear_path(a, factor * a, 5))


def test_the_spherical_path_between_nearly_opposite_codes_stays_between_their_lengths():
    a = torch.tensor([[1.0, 0.0]])
    for turn in (1e-3, 1e-5, 1e-7):
        z = spherical_path(a, torch.tensor([[-2.0, turn]]), 11)
        assert (z.norm(dim=2) <= 2 + 1e-5).all()
