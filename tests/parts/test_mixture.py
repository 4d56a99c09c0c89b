"""Mixtures as priors: integration, histograms, torch.distributions, and N(0, I) as a special case."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from support.messages import assert_names
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal, kl_divergence

from genkit.api import DiagNormal, Noise, Rows, StandardNormal, kl_to_prior
from genkit.bases.priors import mixture as module
from genkit.bases.priors.mixture import Mixture

MEANS = ((0.0, 1.0), (-1.5, 0.5), (1.0, -1.0))
LOGVARS = ((-1.0, -2.0), (-1.5, 0.0), (-0.5, -1.0))
WEIGHTS = (1.0, 2.0, 5.0)
NOISE = Noise(3, 1, "prior", Rows.all(200_000), dtype=torch.float64)


def mixture(**changes) -> Mixture:
    return Mixture(**{"means": MEANS, "logvars": LOGVARS, "weights": WEIGHTS, "latent_dim": 2, **changes}).double()


def of_torch(prior: Mixture) -> MixtureSameFamily:
    components = Independent(Normal(prior.means, (0.5 * prior.logvars).exp()), 1)
    return MixtureSameFamily(Categorical(logits=prior.logits), components)


def posteriors(rows: int = 40, latent_dim: int = 2) -> DiagNormal:
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, rows, latent_dim, generator=generator, dtype=torch.float64)
    return DiagNormal(mu, logvar - 1)


def test_the_density_is_that_of_torch_and_integrates_to_one():
    prior, along = mixture(), torch.linspace(-9, 9, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(along, along).reshape(401, 401, 2)
    density = prior.log_prob(grid).exp()
    assert density.sum().item() * (along[1] - along[0]).item() ** 2 == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(prior.log_prob(grid[:3]), of_torch(prior).log_prob(grid[:3]))


def test_the_histogram_of_the_samples_follows_the_density():
    prior = mixture()
    z = prior.sample(NOISE)
    edges = torch.linspace(-3, 3, 13, dtype=torch.float64)
    counts, _ = torch.histogramdd(z, [edges, edges])
    fine = torch.linspace(-3, 3, 12 * 20 + 1, dtype=torch.float64)
    centres = (fine[1:] + fine[:-1]) / 2
    density = prior.log_prob(torch.cartesian_prod(centres, centres)).exp().reshape(12, 20, 12, 20)
    expected = density.sum(dim=(1, 3)) * (6 / 240) ** 2 * len(z)
    assert ((counts - expected).abs() <= 5 * expected.sqrt() + 3).all()


def test_components_are_chosen_by_the_inverse_of_the_cumulative_weights():
    prior = mixture(weights=(1.0, 1.0, 2.0))
    u = torch.tensor([0.0, 0.2499, 0.2501, 0.4999, 0.5001, 1 - 1e-9], dtype=torch.float64)
    assert prior.choose(u).tolist() == [0, 0, 1, 1, 2, 2]
    assert prior.choose(torch.tensor([1.0], dtype=torch.float64)).item() == 2
    shares = torch.bincount(mixture().choose(NOISE.rand("component"))) / NOISE.rows.total
    torch.testing.assert_close(shares.double(), torch.tensor(WEIGHTS).double() / 8, atol=0.005, rtol=0)


def test_each_row_is_drawn_alone_so_that_n_processes_draw_what_one_does():
    prior, noise = mixture(), replace(NOISE, rows=Rows.all(12))
    parts = [replace(noise, rows=Rows(start, start + 4, 12)) for start in (0, 4, 8)]
    assert torch.equal(torch.cat([prior.sample(part) for part in parts]), prior.sample(noise))
    q = posteriors(12)
    sampled = mixture(kl="sampled", draws=5)
    kls = [sampled.kl(DiagNormal(q.mu[i : i + 4], q.logvar[i : i + 4]), part) for i, part in zip((0, 4, 8), parts)]
    torch.testing.assert_close(torch.cat(kls), sampled.kl(q, noise), rtol=1e-12, atol=0)


def test_one_component_n01_is_n01():
    """Also in float32, its draws and its KL are those of N(0, I) to the bit."""
    one, normal = Mixture(means=((0.0,) * 5,), latent_dim=5), StandardNormal(latent_dim=5)
    noise = Noise(3, 1, "prior", Rows.all(64))
    q = DiagNormal(*(each.float() for each in posteriors(64, 5)))
    assert torch.equal(one.sample(noise), normal.sample(noise))
    assert torch.equal(one.kl(q, noise), kl_to_prior(q))
    torch.testing.assert_close(one.log_prob(q.mu), normal.log_prob(q.mu))


def test_the_bound_is_exact_for_one_component_and_above_the_kl_for_several():
    q = posteriors()
    alone = mixture(means=MEANS[:1], logvars=LOGVARS[:1], weights=None)
    component = Independent(Normal(alone.means[0], (0.5 * alone.logvars[0]).exp()), 1)
    theirs = kl_divergence(Independent(Normal(q.mu, (0.5 * q.logvar).exp()), 1), component)
    torch.testing.assert_close(alone.kl(q, NOISE), theirs, rtol=1e-10, atol=0)

    bound, truth = mixture().kl(q, NOISE), integrated_kl(mixture(), q)
    assert (bound >= truth - 1e-6).all()
    best = (mixture().log_weights - mixture().kl_to_components(q)).max(dim=1).values
    assert (bound <= -best).all()  # with the best component alone the bound is looser


def integrated_kl(prior: Mixture, q: DiagNormal) -> torch.Tensor:
    """Return KL(q || p) by numerical integration, (B,)."""
    along = torch.linspace(-10, 10, 501, dtype=torch.float64)
    z, area = torch.cartesian_prod(along, along), (20 / 500) ** 2
    log_q = Independent(Normal(q.mu[:, None], (0.5 * q.logvar[:, None]).exp()), 1).log_prob(z)
    return (log_q.exp() * (log_q - prior.log_prob(z))).sum(dim=1) * area


def test_the_sampled_kl_is_unbiased():
    q = posteriors(3)
    found = mixture(kl="sampled", draws=20_000).kl(q, Noise(0, 0, "kl", Rows.all(3), dtype=torch.float64))
    torch.testing.assert_close(found, integrated_kl(mixture(), q), atol=0.05, rtol=0)


def test_the_sampled_kl_takes_no_more_memory_for_more_draws(monkeypatch):
    prior, q, sizes = mixture(kl="sampled", draws=50), posteriors(), []
    noise = Noise(0, 0, "kl", Rows.all(len(q.mu)), dtype=torch.float64)
    whole, log_prob = prior.kl(q, noise), prior.log_prob
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 3 * q.mu.numel() * prior.components)
    monkeypatch.setattr(prior, "log_prob", lambda z: sizes.append(z.shape[1]) or log_prob(z))
    torch.testing.assert_close(prior.kl(q, noise), whole, rtol=1e-12, atol=0)
    assert set(sizes) == {3, 2}


def test_the_sampled_kl_has_no_variance_where_the_posterior_is_the_only_component():
    alone = mixture(means=MEANS[:1], logvars=LOGVARS[:1], weights=None, kl="sampled", draws=1)
    q = DiagNormal(alone.means, alone.logvars)
    assert alone.kl(q, Noise(0, 0, "kl", Rows.all(1), dtype=torch.float64)).abs().item() < 1e-12


def test_one_row_of_noise_is_shared_by_all_posteriors():
    sampled, noise = mixture(kl="sampled", draws=5), Noise(0, 0, "kl", Rows.all(1), dtype=torch.float64)
    q = posteriors(4)
    alone = [sampled.kl(DiagNormal(q.mu[i : i + 1], q.logvar[i : i + 1]), noise) for i in range(4)]
    torch.testing.assert_close(sampled.kl(q, noise), torch.cat(alone), rtol=1e-12, atol=0)


def test_responsibilities_sum_to_one_and_choose_the_nearest():
    prior = mixture(logvars=-6.0)
    q = DiagNormal(prior.means.clone(), torch.full((3, 2), -6.0, dtype=torch.float64))
    found = prior.responsibilities(q)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3, dtype=torch.float64))
    assert found.argmax(dim=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("learnt", "learnt_weights"), [(False, False), (True, False), (False, True), (True, True)])
def test_only_what_is_learnt_is_a_parameter_and_gets_a_gradient(learnt, learnt_weights):
    prior = mixture(learnt=learnt, learnt_weights=learnt_weights)
    names = {"means", "logvars"} if learnt else set()
    names |= {"logits"} if learnt_weights else set()
    assert {name for name, _ in prior.named_parameters()} == names
    assert set(prior.state_dict()) == {"means", "logvars", "logits", "lowest", "highest"}
    assert "learn" not in prior.description  # how long it learns is decided by the loss
    if names:
        prior.kl(posteriors(), NOISE).sum().backward()
        assert all(parameter.grad is not None and parameter.grad.any() for parameter in prior.parameters())
    if learnt:
        prior.zero_grad()
        prior.sample(replace(NOISE, rows=Rows.all(50))).sum().backward()
        assert prior.means.grad is not None and prior.means.grad.any() and prior.logvars.grad.any()


def test_random_means_have_the_spread_and_depend_on_the_seed():
    torch.manual_seed(0)
    first = Mixture(components=2000, spread=3.0, latent_dim=2)
    assert first.means.std().item() == pytest.approx(3, rel=0.05)
    assert not torch.equal(Mixture(components=2000, spread=3.0, latent_dim=2).means, first.means)
    torch.manual_seed(0)
    assert torch.equal(Mixture(components=2000, spread=3.0, latent_dim=2).means, first.means)


def test_the_kl_is_finite_where_a_learnt_variance_runs_away():
    prior = mixture()
    with torch.no_grad():
        prior.logvars.fill_(-1e4)
    assert prior.kl(posteriors(), NOISE).isfinite().all() and prior.log_prob(posteriors().mu).isfinite().all()


def softplus_of(beta: float, y: float) -> float:
    """S_β(y) = log(1 + exp(βy))/β, written without torch."""
    return math.log1p(math.exp(beta * y)) / beta


def test_log_variances_are_clipped_by_the_formula_of_prior_learning():
    a, b = -1.75, 0.5
    beta = 10 / (b - a + 1e-8)
    prior = mixture(means=((0.0,), (0.0,)), logvars=((a,), (b,)), weights=None, latent_dim=1)
    prior.bound_logvars()
    for v in (a, b, (a + b) / 2, a - 1, b + 1):
        expected = v - softplus_of(beta, v - b) + softplus_of(beta, a - v)
        prior.logvars.fill_(v)
        torch.testing.assert_close(
            prior.bounded_logvars, torch.full((2, 1), expected, dtype=torch.float64), rtol=1e-12, atol=1e-12
        )


def test_a_log_variance_that_all_components_share_stays_there():
    prior = mixture(logvars=((-1.5, -2.0), (-1.5, 0.0), (-1.5, -1.0)))
    prior.bound_logvars()
    prior.logvars.copy_(torch.tensor([-4.0, -1.5, 2.0])[:, None].expand(3, 2))
    torch.testing.assert_close(prior.bounded_logvars[:, 0], torch.full((3,), -1.5).double(), rtol=1e-12, atol=0)
    assert prior.bounded_logvars[:, 1].unique().numel() == 3  # a dimension with a range still varies


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({}, ("components = 10",)),
        ({"means": ()}, ("means",)),
        ({"means": ((1.0, 2.0), (1.0,))}, ("means", "2")),
        ({"means": ((1.0, 2.0, 3.0),)}, ("means", "latent dimension")),
        ({"components": 3, "means": MEANS[:2]}, ("components 3", "means 2")),
        ({"components": 3, "weights": (1.0, 2.0)}, ("components 3", "weights 2")),
        ({"components": 2, "logvars": ((0.0, 0.0),)}, ("logvars", "2 lists of 2")),
        ({"components": 2, "logvars": -math.inf}, ("logvars", "[-20, 10]")),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys, names):
    with pytest.raises(ValueError) as caught:
        Mixture(**keys, latent_dim=2)
    assert_names(caught.value, *names)
