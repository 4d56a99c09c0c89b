"""Laws of priors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genkit.core.condition import Conditional
from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior
from genkit.recipe.trial.draw_finder import refusing_global_draws
from genkit.recipe.trial.try_model import NO_GLOBAL_DRAWS_IN_PRIORS
from genkit.testing.law import Law, assert_finite, assert_same, assert_tensor, for_each_case, hold

MOST_DIMENSIONS = 3  # kernels around codes are too sparse in more
DENSITY_ERROR = 0.05  # of the mean of r(z)/p(z) over 20,000 codes


def assert_prior_is_lawful(prior: Prior, *, rows: int = 20_000) -> None:
    """Assert what genkit assumes of a prior with at most three latent dimensions and a density without jumps.

    - `description` can be printed.
    - Its codes are finite, (B, L), and a function of the noise: equal noise gives equal codes, and n processes draw
      what one does.
    - Its log-density is one number a code, for any leading dimensions, and finite at its own codes.
    - Codes follow the density: E_z[r(z)/p(z)] = 1 for another density r, to 5 %. `rows` is the number of codes.
    - KL(q || p) is finite, one number a row, with a finite gradient, and no smaller than the mean of
      log q(z) - log p(z) over draws of q.
    - `frozen` has the same density, whose gradient reaches codes and no parameter.

    A conditional prior is checked without a class, unless it needs one, and for each of its classes.
    """
    classes: list[int | None] = [None]
    if isinstance(prior, Conditional):
        classes = [*([] if prior.needs_class else classes), *range(prior.classes)]
    cases = {"" if label is None else f"class {label}": _Trial(prior, rows, label).laws() for label in classes}
    hold(prior, for_each_case(cases))


@dataclass(frozen=True)
class _Trial:
    """A prior, under the condition that all rows are of one class, or under none."""

    prior: Prior
    rows: int
    label: int | None

    def laws(self) -> list[Law]:
        return [
            Law("description", self.description, "Return the name of the prior, on one line", basic=True),
            Law(
                "codes from the noise",
                self.codes,
                "Return (B, L) codes drawn with noise.randn and noise.rand only, one row of the noise for each",
                basic=True,
            ),
            Law(
                "log-density",
                self.log_density,
                "Sum over the last dimension only: (..., L) -> (...), finite at all codes that can be drawn",
                basic=True,
            ),
            Law(
                "codes follow the density",
                self.codes_follow,
                "Compare `log_prob`, with all constants, and `sample`: they are two laws now",
            ),
            Law(
                "KL",
                self.kl,
                "Return KL(q || p), or an upper bound or an estimate of it, one number a row, in nats",
            ),
            Law(
                "frozen",
                self.frozen,
                "Derive `frozen` from Prior, or detach each tensor without copying or changing it",
            ),
        ]

    def description(self) -> None:
        text = self.prior.description
        assert isinstance(text, str) and text and text.isprintable(), f"description is {text!r}"
        assert self.prior.latent_dim <= MOST_DIMENSIONS, (
            f"latent_dim is {self.prior.latent_dim}; this check needs {MOST_DIMENSIONS} or fewer"
        )

    def codes(self) -> None:
        z, half, rows = self.draw(), self.rows // 2, self.rows
        assert_tensor(z, (rows, self.prior.latent_dim), "sample")
        assert_finite(z, "sample")
        with refusing_global_draws(self.prior, NO_GLOBAL_DRAWS_IN_PRIORS):
            again = self.draw()
        assert_same(again, z, "codes of equal noise")
        parts = [self.draw(part) for part in (Rows(0, half, rows), Rows(half, rows, rows))]
        assert_same(torch.cat(parts), z, "codes of two processes beside those of one", rtol=1e-6, atol=1e-6)

    def log_density(self) -> None:
        z = self.draw()
        log_p = self.log_prob(z)
        assert_tensor(log_p, (self.rows,), "log_prob")
        assert_finite(log_p, "log_prob at the prior's own codes")
        stacked = self.log_prob(z[:6].reshape(2, 3, -1))
        assert stacked.shape == (2, 3), f"log_prob: the shape is {tuple(stacked.shape)} for codes (2, 3, L)"
        assert_same(stacked.flatten(), log_p[:6], "log_prob of codes (2, 3, L)", rtol=1e-6, atol=1e-6)

    def codes_follow(self) -> None:
        """Compare with kernels around some of the codes, as wide as half the distance to the nearest of these."""
        z = self.draw()
        centres, others, log_p = z[:500], z[500:], self.log_prob(z)[500:]
        nearest = torch.cdist(centres, centres).topk(2, largest=False).values[:, 1]
        width = 0.5 * nearest.median()
        squares = (torch.cdist(others, centres) / width).square()
        normaliser = z.shape[1] * (width.log() + 0.5 * math.log(2 * math.pi)) + math.log(len(centres))
        ratio = ((-0.5 * squares).logsumexp(dim=1) - normaliser - log_p).exp().mean().item()
        assert abs(ratio - 1) < DENSITY_ERROR, f"log_prob: the mean of r(z)/p(z) over codes is {ratio:.3f}, not 1"

    def kl(self) -> None:
        z = self.draw()
        rows = torch.ones(4000, 1, dtype=z.dtype)
        for mean, logvar in ((z[0], -1.0), (z[1], 0.5), (z.mean(dim=0) + 2 * z.std(dim=0), -3.0)):
            q = DiagNormal((rows * mean).requires_grad_(), (logvar * rows).repeat(1, len(mean)).requires_grad_())
            with self.condition(len(rows)):
                kl = self.prior.kl(q, Noise(0, 0, "kl", Rows.all(len(rows)), dtype=z.dtype))
            assert_tensor(kl, (len(rows),), "kl")
            assert_finite(kl, "kl")
            for gradient in torch.autograd.grad(kl.sum(), [q.mu, q.logvar]):
                assert_finite(gradient, "the gradient of kl")
            with torch.no_grad():
                eps = Noise(0, 1, "draws", Rows.all(len(rows)), dtype=z.dtype).randn("eps", len(mean))
                log_q = -0.5 * (eps.square() + q.logvar + math.log(2 * math.pi)).sum(dim=1)
                sampled = log_q - self.log_prob(q.mu + (0.5 * q.logvar).exp() * eps)
                least = sampled.mean() - 5 * ((sampled.var() + kl.var()) / len(rows)).sqrt() - 1e-4
            assert kl.mean() >= least, f"kl: {kl.mean():.3f} nats, less than {sampled.mean():.3f} over draws of q"

    def frozen(self) -> None:
        z = self.draw()[:8].clone().requires_grad_()
        with self.condition(len(z)):
            frozen = self.prior.frozen()  # a copy has the condition, too
            value, expected = frozen.log_prob(z), self.prior.log_prob(z)
        assert_same(value, expected, "the density of the frozen prior")
        gradients = torch.autograd.grad(value.sum(), [z, *self.prior.parameters()], allow_unused=True)
        assert gradients[0] is not None, "no gradient reaches the codes"
        assert all(each is None for each in gradients[1:]), "a gradient reaches a parameter of the prior"

    def draw(self, rows: Rows | None = None) -> Tensor:
        rows = rows or Rows.all(self.rows)
        with torch.no_grad(), self.condition(len(rows)):
            return self.prior.sample(replace(Noise(0, 0, "prior", Rows.all(self.rows), dtype=torch.float64), rows=rows))

    def log_prob(self, z: Tensor) -> Tensor:
        with torch.no_grad(), self.condition(len(z)):
            return self.prior.log_prob(z)

    @contextmanager
    def condition(self, rows: int) -> Iterator[None]:
        """Run the block with the class of each of some rows, as `Model.given` sets it."""
        if self.label is None or not isinstance(self.prior, Conditional):
            yield
            return
        before, self.prior.labels = self.prior.labels, torch.full((rows,), self.label)
        try:
            yield
        finally:
            self.prior.labels = before
