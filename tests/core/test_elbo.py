"""Terms of the ELBO, compared with torch.distributions."""

from __future__ import annotations

import math

import torch
from torch.distributions import Independent, Normal, kl_divergence

from genkit.core.elbo import kl_to_prior, negative_elbo, squared_error
from genkit.core.types import DiagNormal


def posterior(rows: int = 7, latent_dim: int = 4) -> DiagNormal:
    generator = torch.Generator().manual_seed(0)
    return DiagNormal(*torch.randn(2, rows, latent_dim, generator=generator, dtype=torch.float64))


def test_kl_to_the_prior_equals_that_of_torch() -> None:
    q = posterior()
    ours = Independent(Normal(q.mu, (0.5 * q.logvar).exp()), 1)
    prior = Independent(Normal(torch.zeros_like(q.mu), torch.ones_like(q.mu)), 1)
    torch.testing.assert_close(kl_to_prior(q), kl_divergence(ours, prior))


def test_kl_to_the_prior_is_zero_on_the_prior_and_positive_elsewhere() -> None:
    assert torch.equal(kl_to_prior(DiagNormal(torch.zeros(3, 4), torch.zeros(3, 4))), torch.zeros(3))
    assert (kl_to_prior(posterior(rows=500)) > 0).all()


def test_kl_to_the_prior_is_a_sum_over_dimensions() -> None:
    q = posterior()
    columns = [kl_to_prior(DiagNormal(q.mu[:, d : d + 1], q.logvar[:, d : d + 1])) for d in range(4)]
    torch.testing.assert_close(kl_to_prior(q), torch.stack(columns).sum(dim=0))


def test_squared_error_is_the_negative_log_density_of_a_gaussian_of_variance_one_half() -> None:
    x, y = torch.randn(2, 5, 3, 2, 4, dtype=torch.float64)
    log_density = Independent(Normal(y, math.sqrt(0.5)), 3).log_prob(x)
    torch.testing.assert_close(squared_error(x, y), -log_density - 0.5 * 24 * math.log(math.pi))


def test_squared_error_sums_over_a_sample_and_not_over_the_batch() -> None:
    x, y = torch.zeros(2, 3, 4, 5), torch.full((2, 3, 4, 5), 2.0)
    assert torch.equal(squared_error(x, y), torch.tensor([240.0, 240.0]))


def test_squared_error_is_symmetric_and_zero_on_itself() -> None:
    x, y = torch.randn(2, 5, 3)
    assert torch.equal(squared_error(x, y), squared_error(y, x))
    assert torch.equal(squared_error(x, x), torch.zeros(5))


def test_the_negative_elbo_weights_its_two_terms() -> None:
    error, kl = torch.tensor([1.0, 2.0]), torch.tensor([10.0, 20.0])
    assert negative_elbo(error, kl, 3.0, 0.5).tolist() == [8.0, 16.0]


def test_reparameterised_samples_have_the_moments_of_the_posterior() -> None:
    q = posterior(rows=2)
    generator = torch.Generator().manual_seed(1)
    z = q.sample(torch.randn(200_000, 2, 4, generator=generator, dtype=torch.float64))
    torch.testing.assert_close(z.mean(dim=0), q.mu, rtol=0, atol=0.03)
    torch.testing.assert_close(z.var(dim=0), q.logvar.exp(), rtol=0.03, atol=0)
