"""Terms of the ELBO, compared with torch.distributions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from genkit.core.diag_normal import DiagNormal
from genkit.core.elbo import energy, negative_elbo
from genkit.core.model import Autoencoder
from genkit.core.prior import kl_to_prior
from genkit.core.squared_error import squared_error
from genkit.parts.errors.l1 import L1


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


class Encoder(nn.Module):
    """q(z|x) = N(x A + a, diag(exp(v)))."""

    def forward(self, x: Tensor) -> DiagNormal:
        a = torch.tensor([[0.5, -1.0], [2.0, 0.3]], dtype=x.dtype)
        mu = x @ a + torch.tensor([0.1, -0.2], dtype=x.dtype)
        return DiagNormal(mu, torch.tensor([-1.0, 0.7], dtype=x.dtype).expand_as(mu))


class Decoder(nn.Module):
    def forward(self, z: Tensor) -> Tensor:
        b = torch.tensor([[1.0, -0.4], [0.2, 0.9]], dtype=z.dtype)
        return z @ b + torch.tensor([0.3, -0.6], dtype=z.dtype)


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (1.3, -0.4), (-0.7, 1.9)])
def test_the_energy_is_kl_plus_squared_error_at_the_posterior_mean(x: float, y: float) -> None:
    # Written out in scalars.
    mu = (0.5 * x + 2.0 * y + 0.1, -1.0 * x + 0.3 * y - 0.2)
    kl = sum(0.5 * (m * m + math.exp(v) - 1 - v) for m, v in zip(mu, (-1.0, 0.7), strict=True))
    back = (1.0 * mu[0] + 0.2 * mu[1] + 0.3, -0.4 * mu[0] + 0.9 * mu[1] - 0.6)
    expected = kl + (x - back[0]) ** 2 + (y - back[1]) ** 2
    found = energy(Autoencoder(Encoder(), Decoder(), 2, (2,)), torch.tensor([[x, y]], dtype=torch.float64))
    assert found.tolist() == pytest.approx([expected], rel=1e-12)


def test_the_energy_uses_the_error_of_the_model() -> None:
    model = Autoencoder(Encoder(), Decoder(), 2, (2,))
    x = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    q = model.encoder(x)
    model.reconstruction_error = L1()
    expected = kl_to_prior(q) + (x - model.decoder(q.mu)).abs().sum(dim=1)
    torch.testing.assert_close(energy(model, x), expected)
