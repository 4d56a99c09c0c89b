"""The mixture with full covariances: torch.distributions, integration, and mixtures and N(0, I) as special cases."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal, kl_divergence

from genkit.api import DiagNormal, Mixture, Noise, Rows, StandardNormal, kl_to_prior
from genkit.parts.priors.full_mixture import FullMixture
from genkit.testing import assert_prior_is_lawful

NOISE = Noise(3, 1, "prior", Rows.all(200_000), dtype=torch.float64)
MEANS = torch.tensor([[0.0, 1.0], [-1.5, 0.5], [1.0, -1.0]], dtype=torch.float64)
FACTORS = torch.tensor([[[0.6, 0.0], [0.4, 0.3]], [[0.5, 0.0], [-0.7, 0.8]], [[1.2, 0.0], [0.9, 0.2]]]).double()
WEIGHTS = torch.tensor([1.0, 2.0, 5.0], dtype=torch.float64) / 8


def mixture(components: int = 3) -> FullMixture:
    prior = FullMixture(components=components, latent_dim=2).double()
    for buffer, values in ((prior.logits, WEIGHTS.log()), (prior.means, MEANS), (prior.factors, FACTORS)):
        buffer.copy_(values[:components])
    return prior


def of_torch(prior: FullMixture) -> MixtureSameFamily:
    components = MultivariateNormal(prior.means, scale_tril=prior.factors)
    return MixtureSameFamily(Categorical(logits=prior.logits), components)


def posteriors(rows: int = 40, latent_dim: int = 2) -> DiagNormal:
    mu, logvar = torch.randn(2, rows, latent_dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return DiagNormal(mu, logvar - 1)


def grid(end: float, points: int) -> tuple[torch.Tensor, float]:
    along = torch.linspace(-end, end, points, dtype=torch.float64)
    return torch.cartesian_prod(along, along), (2 * end / (points - 1)) ** 2


def test_the_density_is_that_of_torch_and_integrates_to_one():
    prior = mixture()
    z, area = grid(10, 1001)
    torch.testing.assert_close(prior.log_prob(z).exp().sum() * area, torch.tensor(1.0).double(), atol=1e-6, rtol=0)
    stacked = z[:60].reshape(3, 20, 2)
    torch.testing.assert_close(prior.log_prob(stacked), of_torch(prior).log_prob(stacked))


def test_codes_have_the_moments_of_the_components_and_the_shares_of_the_weights():
    z = mixture().sample(NOISE)
    mean = WEIGHTS @ MEANS
    centred = MEANS - mean
    covariance = (WEIGHTS[:, None, None] * (FACTORS @ FACTORS.mT + centred[:, :, None] * centred[:, None])).sum(dim=0)
    torch.testing.assert_close(z.mean(dim=0), mean, atol=0.015, rtol=0)
    torch.testing.assert_close(z.T.cov(), covariance, atol=0.03, rtol=0)
    assert_prior_is_lawful(mixture())


def test_components_are_chosen_by_the_inverse_of_the_cumulative_weights():
    prior = mixture()
    prior.factors.mul_(1e-9)
    u, z = NOISE.rand("component")[:500], prior.sample(NOISE)[:500]
    expected = torch.bucketize(u, WEIGHTS.cumsum(dim=0), right=True)
    assert torch.equal(torch.cdist(z, MEANS).argmin(dim=1), expected)


def test_each_row_is_drawn_alone_so_that_n_processes_draw_what_one_does():
    prior, noise = mixture(), replace(NOISE, rows=Rows.all(12))
    parts = [replace(noise, rows=Rows(start, start + 4, 12)) for start in (0, 4, 8)]
    torch.testing.assert_close(torch.cat([prior.sample(part) for part in parts]), prior.sample(noise))


def test_a_new_one_is_n01_for_any_number_of_components():
    normal, q = StandardNormal(latent_dim=5), posteriors(64, 5)
    noise = replace(NOISE, rows=Rows.all(64))
    for components in (1, 4):
        prior = FullMixture(components=components, latent_dim=5).double()
        torch.testing.assert_close(prior.sample(noise), normal.sample(noise))
        torch.testing.assert_close(prior.log_prob(q.mu), normal.log_prob(q.mu))
        torch.testing.assert_close(prior.kl(q, noise), kl_to_prior(q))


def test_the_kl_from_a_gaussian_is_that_of_torch():
    q, prior = posteriors(), mixture()
    theirs = [
        kl_divergence(
            MultivariateNormal(q.mu, torch.diag_embed(q.logvar.exp())), MultivariateNormal(mean, scale_tril=f)
        )
        for mean, f in zip(MEANS, FACTORS, strict=True)
    ]
    torch.testing.assert_close(prior.kl_to_components(q), torch.stack(theirs, dim=1))
    torch.testing.assert_close(mixture(1).kl(q, NOISE), theirs[0])  # the bound is exact


def test_the_bound_is_above_the_integrated_kl_and_below_the_kl_to_any_component():
    q, prior = posteriors(), mixture()
    z, area = grid(10, 501)
    log_q = Independent(Normal(q.mu[:, None], (0.5 * q.logvar[:, None]).exp()), 1).log_prob(z)
    truth = (log_q.exp() * (log_q - prior.log_prob(z))).sum(dim=1) * area
    bound = prior.kl(q, NOISE)
    assert (bound >= truth - 1e-6).all()
    assert (bound[:, None] <= prior.kl_to_components(q) - prior.log_weights + 1e-12).all()


def test_diagonal_factors_give_the_mixture_of_diagonal_gaussians():
    logvars = ((-1.0, -2.0), (-1.5, 0.0), (-0.5, -1.0))
    diagonal = Mixture(means=MEANS.tolist(), logvars=logvars, weights=(1.0, 2.0, 5.0), latent_dim=2).double()
    prior, q = mixture(), posteriors()
    prior.factors.copy_(torch.diag_embed((0.5 * diagonal.logvars).exp()))
    noise = replace(NOISE, rows=Rows.all(100))
    torch.testing.assert_close(prior.sample(noise), diagonal.sample(noise))
    torch.testing.assert_close(prior.log_prob(q.mu), diagonal.log_prob(q.mu), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(prior.kl(q, NOISE), diagonal.kl(q, NOISE), atol=1e-6, rtol=1e-6)


def test_nothing_is_trained_and_the_name_has_the_number():
    prior = mixture()
    assert not list(prior.parameters()) and set(prior.state_dict()) == {"logits", "means", "factors"}
    assert "3 Gaussians" in prior.description and "full" in prior.description
    assert "fitted" not in prior.description  # only the facts of a model folder tell
