"""Divergences in closed form, against torch.distributions and sampling."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from genkit.api import DiagNormal, kl_to_prior
from genkit.parts.divergences.kl import KL
from genkit.parts.divergences.zero import Zero


def gaussians(seed: int, rows: int = 6, latent_dim: int = 3) -> DiagNormal:
    generator = torch.Generator().manual_seed(seed)
    mu, logvar = torch.randn(2, rows, latent_dim, generator=generator, dtype=torch.float64)
    return DiagNormal(mu, logvar)


def as_distribution(p: DiagNormal) -> Independent:
    return Independent(Normal(p.mu, (0.5 * p.logvar).exp()), 1)


def test_kl_equals_that_of_torch() -> None:
    p, q = gaussians(0), gaussians(1)
    torch.testing.assert_close(KL()(p, q), kl_divergence(as_distribution(p), as_distribution(q)))


def test_kl_is_the_mean_of_the_log_ratio() -> None:
    p, q = gaussians(0), gaussians(1)
    generator = torch.Generator().manual_seed(2)
    z = p.sample(torch.randn(200_000, *p.mu.shape, generator=generator, dtype=torch.float64))
    log_ratio = as_distribution(p).log_prob(z) - as_distribution(q).log_prob(z)
    within = 5 * log_ratio.std(dim=0) / len(z) ** 0.5
    assert ((KL()(p, q) - log_ratio.mean(dim=0)).abs() < within).all()


def test_kl_is_positive_and_zero_on_itself() -> None:
    p, q = gaussians(0, rows=500), gaussians(1, rows=500)
    assert (KL()(p, q) > 0).all()
    torch.testing.assert_close(KL()(p, p), torch.zeros(500, dtype=torch.float64))


def test_kl_is_not_symmetric() -> None:
    p, q = gaussians(0), gaussians(1)
    assert (KL()(p, q) - KL()(q, p)).abs().min() > 0.01


def test_kl_to_a_standard_normal_equals_kl_to_prior() -> None:
    p = gaussians(0)
    prior = DiagNormal(torch.zeros_like(p.mu), torch.zeros_like(p.mu))
    torch.testing.assert_close(KL()(p, prior), kl_to_prior(p))


def test_kl_is_finite_at_the_smallest_variances() -> None:
    p = DiagNormal(torch.zeros(1, 2), torch.full((1, 2), -120.0))
    assert KL()(p, p).item() == 0.0


def test_kl_refuses_batches_of_different_shapes() -> None:
    with pytest.raises(ValueError, match=r"KL.*\(6, 3\) and \(1, 3\)"):
        KL()(gaussians(0), gaussians(1, rows=1))


def test_zero_is_zero_for_every_sample() -> None:
    p = gaussians(0, rows=4)
    assert torch.equal(Zero()(p, gaussians(1, rows=4)), torch.zeros(4, dtype=torch.float64))


def test_zero_adds_nothing_to_a_gradient() -> None:
    p = gaussians(0)
    p.mu.requires_grad_()
    (with_zero,) = torch.autograd.grad((kl_to_prior(p) + 3 * Zero()(p, p)).sum(), p.mu)
    torch.testing.assert_close(with_zero, p.mu.detach())
