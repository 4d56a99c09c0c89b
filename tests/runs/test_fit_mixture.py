"""Expectation-maximisation: what it recovers, what it never does, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from support.messages import assert_names
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from genkit.runs.trained_models import fit_mixture as module
from genkit.runs.trained_models.fit_mixture import RIDGE, TOLERANCE, fit_mixture, mean_log_likelihood

MEANS = torch.tensor([[0.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 9.0, 1.0]])
FACTORS = torch.tensor(
    [
        [[1.0, 0.0, 0.0], [0.5, 0.4, 0.0], [0.0, 0.3, 0.8]],
        [[0.3, 0.0, 0.0], [-0.6, 1.0, 0.0], [0.2, 0.0, 0.5]],
        [[1.5, 0.0, 0.0], [0.0, 0.2, 0.0], [0.7, 0.0, 0.9]],
    ]
)
WEIGHTS = torch.tensor([0.5, 0.2, 0.3])


def codes(number: int = 6000) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    chosen = torch.multinomial(WEIGHTS, number, replacement=True, generator=generator)
    eps = torch.randn(number, 3, generator=generator)
    return MEANS[chosen] + (FACTORS[chosen] @ eps[:, :, None])[:, :, 0]


def test_a_mixture_far_apart_is_recovered():
    fit = fit_mixture(codes(), 3, seed=0)
    order = torch.cdist(MEANS.double(), fit.prior.means).argmin(dim=1)
    assert sorted(order.tolist()) == [0, 1, 2]
    torch.testing.assert_close(fit.prior.log_weights.exp()[order].float(), WEIGHTS, atol=0.02, rtol=0)
    torch.testing.assert_close(fit.prior.means[order].float(), MEANS, atol=0.1, rtol=0)
    covariances = fit.prior.factors @ fit.prior.factors.mT
    torch.testing.assert_close(covariances[order].float(), FACTORS @ FACTORS.mT, atol=0.12, rtol=0)
    truth = MixtureSameFamily(Categorical(WEIGHTS), MultivariateNormal(MEANS, scale_tril=FACTORS))
    assert fit.log_likelihood >= truth.log_prob(codes()).mean().item()  # the fit is the best of these codes


def test_one_gaussian_has_the_mean_and_the_covariance_of_the_codes():
    z = codes().double()
    fit = fit_mixture(z, 1, seed=0)
    torch.testing.assert_close(fit.prior.means[0], z.mean(dim=0), rtol=1e-12, atol=1e-12)
    expected = z.T.cov(correction=0)
    expected += RIDGE * torch.diag(expected.diagonal())
    torch.testing.assert_close(fit.prior.factors[0] @ fit.prior.factors[0].T, expected, rtol=1e-12, atol=1e-12)
    assert fit.iterations == 1 and fit.converged


@pytest.mark.parametrize("components", [2, 5, 12])
def test_the_log_likelihood_never_falls_and_the_fit_ends_at_the_tolerance(components):
    fit = fit_mixture(codes(2000), components, seed=1)
    gains = torch.tensor(fit.history).double().diff()
    assert (gains > -1e-9).all()
    assert (gains[:-1] >= TOLERANCE).all() and gains[-1] < TOLERANCE
    assert fit.log_likelihood == pytest.approx(mean_log_likelihood(fit.prior, codes(2000)), abs=1e-9)
    assert sum(fit.codes_of_components) == pytest.approx(2000)


def test_a_second_step_is_that_of_the_formulas(monkeypatch):
    """One iteration from the start, written out for each component."""
    z = codes(400).double()
    monkeypatch.setattr(module, "TOLERANCE", -1.0)
    monkeypatch.setattr(module, "MOST_ITERATIONS", 2)
    after = fit_mixture(z, 4, seed=0).prior
    monkeypatch.setattr(module, "MOST_ITERATIONS", 1)
    before = fit_mixture(z, 4, seed=0).prior
    density = MultivariateNormal(before.means, scale_tril=before.factors).log_prob(z[:, None]).exp()
    joint = before.log_weights.exp() * density
    shares = joint / joint.sum(dim=1, keepdim=True)
    for component, share in enumerate(shares.T):
        mean = (share[:, None] * z).sum(dim=0) / share.sum()
        covariance = torch.einsum("n,ni,nj->ij", share, z - mean, z - mean) / share.sum()
        torch.testing.assert_close(after.log_weights[component].exp(), share.mean())
        torch.testing.assert_close(after.means[component], mean)
        factor = after.factors[component]
        torch.testing.assert_close(factor @ factor.T, covariance + RIDGE * torch.diag(z.var(dim=0, correction=0)))


@pytest.mark.parametrize("ties", [False, True], ids=["different", "ties"])
def test_the_fit_depends_neither_on_the_order_nor_on_the_blocks(monkeypatch, ties):
    z = codes(1500)
    if ties:  # and no clusters, so that another start ends in another fit
        z = torch.randn(1500, 3, generator=torch.Generator().manual_seed(0))
        z[:, 0] = z[:, 0].round()
    fit = fit_mixture(z, 5, seed=0)
    shuffled = fit_mixture(z[torch.randperm(1500, generator=torch.Generator().manual_seed(1))], 5, seed=0)
    monkeypatch.setattr(module, "BLOCK_NUMBERS", 5 * 3 * 47)
    small = fit_mixture(z, 5, seed=0)
    for other in (shuffled, small):
        for name, tensor in fit.prior.state_dict().items():
            torch.testing.assert_close(other.prior.state_dict()[name], tensor, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("units", [(1e-4, 1e-4, 1e-4), (1e6, 1e6, 1e6), (0.1, 1.0, 10.0)])
@pytest.mark.parametrize("rank", [1, 3])
def test_codes_in_other_units_give_the_same_fit_in_these_units(units, rank):
    """Also where the codes are on a line, whose covariance is singular without the ridge."""
    z = codes(600).double() if rank == 3 else codes(600).double()[:, :1] * torch.tensor([1.0, -2.0, 0.5])
    scale = torch.tensor(units).double()
    start = dict(components=1 if units[0] != units[2] else 3, seed=0)  # clusters depend on distances
    fit, scaled = fit_mixture(z, **start), fit_mixture(z * scale, **start)
    torch.testing.assert_close(scaled.prior.means / scale, fit.prior.means, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(scaled.prior.factors / scale[:, None], fit.prior.factors, rtol=1e-4, atol=1e-7)
    assert scaled.log_likelihood == pytest.approx(fit.log_likelihood - scale.log().sum().item(), abs=1e-4)


def test_a_constant_dimension_has_a_small_variance_of_its_own():
    z = codes(600).double()
    z[:, 1] = 0.1
    fit = fit_mixture(z, 3, seed=0)
    covariances = fit.prior.factors @ fit.prior.factors.mT
    mean = z.var(dim=0, correction=0).mean().item()
    assert covariances[:, 1, 1].tolist() == pytest.approx([RIDGE**2 * mean] * 3)
    torch.testing.assert_close(fit.prior.means[:, 1], torch.full((3,), 0.1).double())


def test_the_seed_decides_the_start_and_no_global_generator_does():
    z = codes(1500)
    state = torch.get_rng_state()
    fits = [fit_mixture(z, 8, seed).history for seed in (0, 0, 1)]
    assert fits[0] == fits[1] != fits[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_the_fit_starts_from_the_clusters_with_the_covariance_within_them():
    z = codes().double()
    shares = torch.nn.functional.one_hot(torch.cdist(z, MEANS.double()).argmin(dim=1)).double()
    means = shares.T @ z / shares.sum(dim=0)[:, None]
    within = (z - shares @ means).T @ (z - shares @ means) / len(z)
    start = MixtureSameFamily(Categorical(shares.mean(dim=0)), MultivariateNormal(means, within.expand(3, 3, 3)))
    assert fit_mixture(z, 3, seed=0).history[0] == pytest.approx(start.log_prob(z).mean().item(), abs=1e-4)


def test_a_far_code_keeps_the_fit_finite():
    z = torch.cat([codes(500), torch.full((1, 3), 1e3)])
    fit = fit_mixture(z, 4, seed=0)
    assert torch.isfinite(torch.tensor(fit.history)).all()
    assert all(torch.isfinite(tensor).all() for tensor in fit.prior.state_dict().values())


@pytest.mark.parametrize(
    ("z", "components", "names"),
    [
        (codes(10), 10, ("10 codes", "10 Gaussians", "11")),
        (torch.eye(5, 40), 2, ("5 codes", "40 dimensions", "41")),
        (torch.ones(50, 3), 1, ("50 codes", "equal")),
        (torch.eye(3).repeat(20, 1), 4, ("60 codes", "3 different")),
    ],
    ids=["components", "dimensions", "equal", "different"],
)
def test_codes_that_give_no_mixture_are_refused(z, components, names):
    with pytest.raises(ValueError) as caught:
        fit_mixture(z, components, seed=0)
    assert_names(caught.value, *names)
