"""The laws of priors and callbacks hold for the built-in parts, and each is broken by a mutant."""

import copy
import math
from dataclasses import dataclass

import pytest
import torch
from support.tiny_recipes import tiny_plan

from genkit.api import Callback, Mixture, StandardNormal, StopTraining
from genkit.core.metric import EvaluationProtocol
from genkit.core.result import EvaluationRecord, Result
from genkit.parts.callbacks.early_stopping import EarlyStopping
from genkit.parts.metrics.modes import Modes
from genkit.recipe.tables import Evaluate, Use
from genkit.testing import assert_callback_is_lawful, assert_prior_is_lawful

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


class Nameless(Mixture):
    description = "two\nlines"


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (Global, "sample"),
        (OfPlaces, "close"),
        (Unnormalised, "follow"),
        (OtherWidth, "follow"),
        (Flat, "log_prob"),
        (TooSmall, "kl"),
        (NotFrozen, "frozen"),
        (Copied, "equal"),
        (Nameless, "description"),
    ],
)
def test_an_unlawful_prior_is_found(kind, named):
    with pytest.raises(AssertionError, match=named):
        assert_prior_is_lawful(mixture(kind))


VALUES = (1.0, 3.0, 2.0, 2.0, 2.5, 2.0, 2.0)  # at steps 2, 4, ...


def records():
    protocol = EvaluationProtocol(100, "drawn", "raw")
    return [
        EvaluationRecord(2 * number, [Result("modes", value, "higher", protocol)])
        for number, value in enumerate(VALUES, start=1)
    ]


def check(callback, folder):
    plan = tiny_plan(data=Use("8-gaussians"), metrics={"modes": Use("modes", samples=100)}, evaluate=Evaluate(every=2))
    assert isinstance(plan.metrics["modes"], Modes)
    log = [{"step": step, "vae/total": float(step)} for step in range(1, 15)]
    assert_callback_is_lawful(callback, plan, folder, log=log, records=records())


@pytest.mark.parametrize("patience", [1, 3, 9])
def test_early_stopping_is_lawful(tmp_path, patience):
    check(EarlyStopping("modes", patience), tmp_path)
    check(Callback(), tmp_path)


@dataclass
class Counting(Callback):
    """Counts in an attribute, so a resume counts from 0."""

    stops = True

    def started(self, run):
        self.seen = 0

    def evaluated(self, step, results):
        self.seen += 1
        if self.seen == 4:
            raise StopTraining("four evaluations")


class StopsInSecret(Counting):
    stops = False


class Changing(Callback):
    def logged(self, step, line):
        line["mine"] = 1.0


class ChangingResults(Callback):
    def evaluated(self, step, results):
        results.clear()


class NotCopied(Callback):
    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")


class OpensLate(Callback):
    def stepped(self, step):
        self.opened = True

    def closed(self):
        assert self.opened


class Picky(Callback):
    def check(self, plan):
        raise ValueError("does not fit")


@pytest.mark.parametrize(
    ("callback", "error"),
    [
        (Counting(), AssertionError),
        (StopsInSecret(), AssertionError),
        (Changing(), AssertionError),
        (ChangingResults(), AssertionError),
        (NotCopied(), TypeError),
        (Picky(), ValueError),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_unlawful_callback_is_found(tmp_path, callback, error):
    with pytest.raises(error):
        check(callback, tmp_path)


def test_a_callback_that_cannot_be_closed_after_its_start_is_found(tmp_path):
    with pytest.raises(AttributeError):
        check(OpensLate(), tmp_path)
