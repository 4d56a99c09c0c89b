"""The laws of divergences: each mutant, a divergence with one mistake, breaks one."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from genkit.api import DiagNormal
from genkit.parts.divergences.kl import KL
from genkit.testing import assert_divergence_is_lawful


@dataclass(frozen=True)
class Squared:
    """Squared Wasserstein-2 distance of each sample."""

    symmetric: ClassVar[bool] = True

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> torch.Tensor:
        spread = ((0.5 * p.logvar).exp() - (0.5 * q.logvar).exp()).square()
        return ((p.mu - q.mu).square() + spread).sum(dim=1)


@dataclass(frozen=True)
class OfTheBatch:
    """Distance of the mean codes of two batches, expanded."""

    def __call__(self, p, q, /):
        return (p.mu.mean(dim=0) - q.mu.mean(dim=0)).square().sum().expand(len(p.mu))


@dataclass(frozen=True)
class NegativeByDeclaration:
    """An estimate that is wrong by a constant, and declares so."""

    non_negative: ClassVar[bool] = False
    zero_on_itself: ClassVar[bool] = False

    def __call__(self, p, q, /):
        return KL()(p, q) - 2 * Squared()(p, q) - 1


@pytest.mark.parametrize("kind", [Squared, OfTheBatch, NegativeByDeclaration])
def test_lawful_divergences_pass(kind):
    assert_divergence_is_lawful(kind())


class OneNumber(Squared):
    def __call__(self, p, q, /):
        return super().__call__(p, q).mean()


class Items(Squared):
    def __call__(self, p, q, /):
        return super().__call__(p, q) * (1.0 if p.mu.sum().item() < 1e9 else 2.0)


class Single(Squared):
    def __call__(self, p, q, /):
        return super().__call__(p, q).float()


class Draws(Squared):
    def __call__(self, p, q, /):
        return super().__call__(p, q) * torch.rand(())


class InPlace(Squared):
    def __call__(self, p, q, /):
        found = super().__call__(p, q)
        p.mu.sub_(q.mu)
        return found


class WrongConstant(Squared):
    def __call__(self, p, q, /):
        return super().__call__(p, q) + p.mu.shape[1]


class WrongSign(KL):
    def __call__(self, p, q, /):
        return -super().__call__(p, q)


class NotSymmetric(KL):
    symmetric: ClassVar[bool] = True


class NextRow(Squared):
    def __call__(self, p, q, /):
        steps = torch.arange(len(p.mu), device=p.mu.device, dtype=p.mu.dtype)
        return super().__call__(p, q) * (1 + steps)


class VarianceFirst(KL):
    """Computes the variances squared: exp(2·30)² leaves the range of float32."""

    def __call__(self, p, q, /):
        ratio = (2 * p.logvar).exp().square() / (2 * q.logvar).exp().square()
        return (ratio.sqrt() - 1).square().sum(dim=1)


class SquareRoot(Squared):
    """Without a small number below the root, whose gradient is infinite at 0."""

    def __call__(self, p, q, /):
        return (p.logvar - q.logvar).square().sum(dim=1).sqrt()


class NeedsSingle(Squared):
    def __call__(self, p, q, /):
        if p.mu.dtype == torch.bfloat16:
            return super().__call__(DiagNormal(p.mu.float(), p.logvar.float()), q)
        return super().__call__(p, q)


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (OneNumber, "one number a sample"),
        (Items, "one number a sample"),
        (Single, "one number a sample"),
        (Draws, "pure"),
        (InPlace, "pure"),
        (WrongConstant, "zero on itself if declared"),
        (WrongSign, "not negative if declared"),
        (NotSymmetric, "symmetric if declared"),
        (NextRow, "rows in any order"),
        (VarianceFirst, "finite at log-variances of ±30"),
        (SquareRoot, "finite at log-variances of ±30"),
        (NeedsSingle, "takes bfloat16"),
    ],
)
def test_a_mutant_breaks_a_law(kind, law):
    with pytest.raises(AssertionError, match=f'"{law}"'):
        assert_divergence_is_lawful(kind())


@pytest.mark.parametrize("dims", [(), (0,), (2, -1)], ids=["none", "zero", "negative"])
def test_latent_dimensions_that_would_check_nothing_are_refused(dims):
    with pytest.raises(ValueError, match="latent_dims"):
        assert_divergence_is_lawful(KL(), latent_dims=dims)
