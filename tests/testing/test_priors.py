"""The laws of priors hold for the built-in priors, and each mutant breaks one."""

import copy
import math

import pytest
import torch

from genkit.api import Mixture, StandardNormal
from genkit.parts.priors.per_class import PerClass
from genkit.testing import assert_prior_is_lawful

MEANS, LOGVARS, WEIGHTS = ((0.0, 1.0), (-1.5, 0.5), (1.0, -1.0)), ((-1.0, -2.0), (-1.5, 0.0), (-0.5, -1.0)), (1, 2, 5)


def mixture(kind=Mixture, **keys):
    return kind(means=MEANS, logvars=LOGVARS, weights=WEIGHTS, latent_dim=2, learnt=True, **keys).double()


@pytest.mark.parametrize(
    "prior",
    [StandardNormal(latent_dim=3), mixture(), mixture(kl="sampled", draws=3), mixture(learnt_weights=True)],
    ids=["normal", "bound", "sampled", "weights"],
)
def test_the_built_in_priors_are_lawful(prior):
    assert_prior_is_lawful(prior)


class Global(Mixture):
    def sample(self, noise):
        return super().sample(noise) + 1e-9 * torch.randn(())


class OfPlaces(Mixture):
    def sample(self, noise):
        return super().sample(noise) + 0.1 * torch.arange(len(noise.rows))[:, None] / len(noise.rows)


class Unnormalised(Mixture):
    def log_prob(self, z):
        return super().log_prob(z) + math.log(2)


class OtherWidth(Mixture):
    def sample(self, noise):
        return 1.5 * super().sample(noise)


class Flat(Mixture):
    def log_prob(self, z):
        return super().log_prob(z).flatten()


class TooSmall(Mixture):
    def kl(self, q, noise):
        return 0.5 * super().kl(q, noise)


class NotFrozen(Mixture):
    def frozen(self):
        return self


class Copied(Mixture):
    def frozen(self):
        copied = copy.deepcopy(self).requires_grad_(False)
        copied.means.add_(0.1)
        return copied


class OfOneClass(PerClass):
    def sample(self, noise):
        labels, self.labels = self.labels, None  # forgets the class
        try:
            return super().sample(noise)
        finally:
            self.labels = labels


class Nameless(Mixture):
    description = "two\nlines"


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Global, "codes from the noise"),
        (OfPlaces, "codes from the noise"),
        (Unnormalised, "codes follow the density"),
        (OtherWidth, "codes follow the density"),
        (Flat, "log-density"),
        (TooSmall, "KL"),
        (NotFrozen, "frozen"),
        (Copied, "frozen"),
        (Nameless, "description"),
    ],
)
def test_an_unlawful_prior_is_found(kind, law):
    with pytest.raises(AssertionError, match=f'"{law}"'):
        assert_prior_is_lawful(mixture(kind))


@pytest.mark.trains
def test_a_conditional_prior_is_checked_for_each_class():
    keys = {"means": MEANS[:2], "logvars": LOGVARS[:2], "latent_dim": 2}
    assert_prior_is_lawful(PerClass(**keys).double())
    with pytest.raises(AssertionError, match="class 0"):
        assert_prior_is_lawful(OfOneClass(**keys).double())
