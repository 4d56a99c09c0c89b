"""A Gaussian for each class as the prior: torch.distributions, integration, mixtures, and N(0, I) as a special case."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from support.messages import assert_names
from torch.distributions import Independent, Normal, kl_divergence

from genkit.api import DiagNormal, Noise, Rows, StandardNormal, kl_to_prior
from genkit.bases.priors.mixture import Mixture
from genkit.core.condition import LABEL
from genkit.parts.priors.per_class import PerClass
from genkit.testing import small_autoencoder

MEANS = ((0.0, 1.0), (-1.5, 0.5), (1.0, -1.0))
LOGVARS = ((-1.0, -2.0), (-1.5, 0.0), (-0.5, -1.0))
FREQUENCIES = (1.0, 2.0, 5.0)
LABELS = torch.tensor([2, 0, 1, 1, 2, 0, 0])
NOISE = Noise(3, 1, "prior", Rows.all(len(LABELS)), dtype=torch.float64)


def per_class(**changes) -> PerClass:
    keys = {"means": MEANS, "logvars": LOGVARS, "frequencies": FREQUENCIES, "latent_dim": 2, **changes}
    return PerClass(**keys).double()


def given(prior: PerClass, labels: torch.Tensor):
    """Return the condition of a model with this prior."""
    model = small_autoencoder((2,), prior.latent_dim)
    model.prior = prior
    return model.given({LABEL: labels})


def posteriors(rows: int = len(LABELS), latent_dim: int = 2) -> DiagNormal:
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(2, rows, latent_dim, generator=generator, dtype=torch.float64)
    return DiagNormal(mu, logvar - 1)


def of_torch(mu: torch.Tensor, logvar: torch.Tensor) -> Independent:
    return Independent(Normal(mu, (0.5 * logvar).exp()), 1)


def test_each_row_has_the_kl_and_the_density_of_its_class():
    prior, q = per_class(), posteriors()
    classes = of_torch(prior.means[LABELS], prior.logvars[LABELS])
    with given(prior, LABELS):
        torch.testing.assert_close(prior.kl(q, NOISE), kl_divergence(of_torch(*q), classes), rtol=1e-10, atol=0)
        torch.testing.assert_close(prior.log_prob(q.mu), classes.log_prob(q.mu), rtol=1e-10, atol=0)
        several = torch.stack([q.mu, 2 * q.mu, -q.mu], dim=1)  # (B, 3, L)
        found = prior.log_prob(several)
    for place in range(3):
        torch.testing.assert_close(found[:, place], classes.log_prob(several[:, place]), rtol=1e-10, atol=0)


def test_each_row_is_drawn_from_its_class_with_the_noise_of_its_row():
    prior = per_class()
    eps = NOISE.randn("z", 2)
    with given(prior, LABELS):
        z = prior.sample(NOISE)
    for row, label in enumerate(LABELS.tolist()):
        expected = torch.tensor(MEANS[label]) + (0.5 * torch.tensor(LOGVARS[label])).exp() * eps[row]
        torch.testing.assert_close(z[row], expected.double(), rtol=1e-6, atol=1e-7)
    with given(prior, LABELS[3:6]):
        part = prior.sample(replace(NOISE, rows=Rows(3, 6, len(LABELS))))
    assert torch.equal(part, z[3:6])  # n processes draw what one does


def test_the_density_of_each_class_and_that_of_all_integrate_to_one():
    prior, along = per_class(), torch.linspace(-9, 9, 301, dtype=torch.float64)
    grid, area = torch.cartesian_prod(along, along), (along[1] - along[0]).item() ** 2
    for label in range(3):
        with given(prior, torch.full((len(grid),), label)):
            assert prior.log_prob(grid).exp().sum().item() * area == pytest.approx(1, abs=1e-6)
    assert prior.log_prob(grid).exp().sum().item() * area == pytest.approx(1, abs=1e-6)


def test_without_a_condition_it_is_the_mixture_of_its_classes():
    prior = per_class()
    mixture = Mixture(means=MEANS, logvars=LOGVARS, weights=FREQUENCIES, latent_dim=2).double()
    q, noise = posteriors(), replace(NOISE, rows=Rows.all(500))
    assert torch.equal(prior.sample(noise), mixture.sample(noise))
    assert torch.equal(prior.kl(q, NOISE), mixture.kl(q, NOISE))
    assert torch.equal(prior.log_prob(q.mu), mixture.log_prob(q.mu))


def test_the_mixture_is_the_mean_of_the_classes_by_their_frequencies():
    """log p(z) = log Σ_y f_y p(z|y), from the densities under each condition."""
    prior, z = per_class(), posteriors().mu
    of_class = []
    for label in range(3):
        with given(prior, torch.full((len(z),), label)):
            of_class.append(prior.log_prob(z).exp())
    expected = (torch.stack(of_class) * torch.tensor(FREQUENCIES, dtype=torch.float64)[:, None] / 8).sum(dim=0).log()
    torch.testing.assert_close(prior.log_prob(z), expected)


def test_one_class_n01_is_n01():
    """Also in float32, its draws and its KL are those of N(0, I) to the bit."""
    one, normal = PerClass(means=((0.0,) * 5,), latent_dim=5), StandardNormal(latent_dim=5)
    noise, labels = Noise(3, 1, "prior", Rows.all(64)), torch.zeros(64, dtype=torch.int64)
    q = DiagNormal(*(each.float() for each in posteriors(64, 5)))
    with given(one, labels):
        assert torch.equal(one.sample(noise), normal.sample(noise))
        assert torch.equal(one.kl(q, noise), kl_to_prior(q))
        torch.testing.assert_close(one.log_prob(q.mu), normal.log_prob(q.mu))


@pytest.mark.parametrize("learnt", [False, True])
def test_only_the_classes_of_the_rows_get_a_gradient_and_a_frozen_prior_none(learnt):
    prior = per_class(learnt=learnt)
    assert {name for name, _ in prior.named_parameters()} == ({"means", "logvars"} if learnt else set())
    assert "3 classes" in prior.description
    if not learnt:
        return
    labels = torch.tensor([0, 2, 2, 0, 0, 2, 2])
    with given(prior, labels):
        (prior.kl(posteriors(), NOISE).sum() + prior.sample(NOISE).square().sum()).backward()
        of_row = prior.means.grad.abs().sum(dim=1) + prior.logvars.grad.abs().sum(dim=1)
        frozen = prior.frozen()
        assert torch.equal(frozen.kl(posteriors(), NOISE), prior.kl(posteriors(), NOISE))  # of the same classes
        assert not frozen.sample(NOISE).requires_grad and prior.sample(NOISE).requires_grad
    assert of_row[0] > 0 and of_row[1] == 0 and of_row[2] > 0


def test_rows_that_do_not_fit_the_condition_are_refused():
    prior, noise = per_class(), replace(NOISE, rows=Rows.all(5))
    q = posteriors(5)
    with given(prior, LABELS):
        for compute in (lambda: prior.sample(noise), lambda: prior.kl(q, noise), lambda: prior.log_prob(q.mu)):
            with pytest.raises(ValueError) as caught:
                compute()
            assert_names(caught.value, "PerClass", "5 rows", "labels of 7", "model.given")


def test_a_start_from_the_codes_of_single_samples_is_refused():
    with pytest.raises(ValueError) as caught:
        per_class().start_from(posteriors())
    assert_names(caught.value, "per-class", "mixture")


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({}, ("classes = 10",)),
        ({"means": ()}, ("classes", "means")),
        ({"classes": 3, "means": MEANS[:2]}, ("classes 3", "means 2")),
        ({"classes": 3, "frequencies": (1.0, 2.0)}, ("classes 3", "frequencies 2")),
        ({"means": ((1.0, 2.0, 3.0),)}, ("means", "latent dimension")),
        ({"classes": 2, "logvars": ((0.0, 0.0),)}, ("logvars", "2 lists of 2")),
    ],
)
def test_keys_that_do_not_fit_are_refused(keys, names):
    with pytest.raises(ValueError) as caught:
        PerClass(**keys, latent_dim=2)
    assert_names(caught.value, *names)
