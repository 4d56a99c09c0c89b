"""Laws of priors."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior
from genkit.core.types import DiagNormal


def assert_prior_is_lawful(prior: Prior, *, rows: int = 20_000) -> None:
    """Assert what genkit assumes of a prior with at most three latent dimensions and a density without jumps.

    - Its codes are finite, (B, L), and a function of the noise: equal noise gives equal codes, and n processes draw
      what one does.
    - Its log-density is one number a code, for any leading dimensions, and finite at its own codes.
    - Codes follow the density: E_z[r(z)/p(z)] = 1 for another density r, to 5 %. `rows` is the number of codes.
    - KL(q || p) is finite, one number a row, with a finite gradient, and no smaller than the mean of
      log q(z) - log p(z) over draws of q.
    - `frozen` has the same density, whose gradient reaches codes and no parameter.
    - `description` can be printed.
    """
    assert prior.description and prior.description.isprintable(), f"description: {prior.description!r}"
    assert prior.latent_dim <= 3, f"latent_dim: {prior.latent_dim} is too many for this test; give 3 or fewer"
    noise = Noise(0, 0, "prior", Rows.all(rows), dtype=torch.float64)
    half = rows // 2
    with torch.no_grad():
        z, again = prior.sample(noise), prior.sample(noise)
        parts = [prior.sample(replace(noise, rows=part)) for part in (Rows(0, half, rows), Rows(half, rows, rows))]
        log_p, stacked = prior.log_prob(z), prior.log_prob(z[:6].reshape(2, 3, -1))
    assert z.shape == (rows, prior.latent_dim), f"sample: the shape is {tuple(z.shape)}"
    assert z.isfinite().all(), "sample: not finite"
    assert torch.equal(again, z), "sample: equal noise gives other codes. Draw from the noise only"
    torch.testing.assert_close(torch.cat(parts), z, rtol=1e-6, atol=1e-6)
    assert log_p.shape == (rows,), f"log_prob: the shape is {tuple(log_p.shape)}, expected {(rows,)}"
    assert stacked.shape == (2, 3), f"log_prob: the shape is {tuple(stacked.shape)} for codes (2, 3, L)"
    assert log_p.isfinite().all(), "log_prob: not finite at the prior's own codes"
    torch.testing.assert_close(stacked.flatten(), log_p[:6], rtol=1e-6, atol=1e-6)
    _assert_codes_follow_density(z, log_p)
    _assert_kl_is_no_smaller(prior, z)
    _assert_frozen(prior, z[:8])


def _assert_codes_follow_density(z: Tensor, log_p: Tensor) -> None:
    """Compare with kernels around some of the codes, as wide as half the distance to the nearest of these."""
    centres, others, log_p = z[:500], z[500:], log_p[500:]
    nearest = torch.cdist(centres, centres).topk(2, largest=False).values[:, 1]
    width = 0.5 * nearest.median()
    squares = (torch.cdist(others, centres) / width).square()
    normaliser = z.shape[1] * (width.log() + 0.5 * math.log(2 * math.pi)) + math.log(len(centres))
    ratio = ((-0.5 * squares).logsumexp(dim=1) - normaliser - log_p).exp().mean().item()
    assert abs(ratio - 1) < 0.05, f"log_prob: codes do not follow it: the mean of r(z)/p(z) is {ratio:.3f}, not 1"


def _assert_kl_is_no_smaller(prior: Prior, z: Tensor) -> None:
    rows = torch.ones(4000, 1, dtype=z.dtype)
    for mean, logvar in ((z[0], -1.0), (z[1], 0.5), (z.mean(dim=0) + 2 * z.std(dim=0), -3.0)):
        q = DiagNormal((rows * mean).requires_grad_(), (logvar * rows).repeat(1, len(mean)).requires_grad_())
        kl = prior.kl(q, Noise(0, 0, "kl", Rows.all(len(rows)), dtype=z.dtype))
        assert kl.shape == (len(rows),), f"kl: the shape is {tuple(kl.shape)}, expected {(len(rows),)}"
        assert kl.isfinite().all(), "kl: not finite"
        for gradient in torch.autograd.grad(kl.sum(), [q.mu, q.logvar]):
            assert gradient.isfinite().all(), "kl: its gradient is not finite"
        with torch.no_grad():
            eps = Noise(0, 1, "draws", Rows.all(len(rows)), dtype=z.dtype).randn("eps", len(mean))
            log_q = -0.5 * (eps.square() + q.logvar + math.log(2 * math.pi)).sum(dim=1)
            sampled = log_q - prior.log_prob(q.mu + (0.5 * q.logvar).exp() * eps)
            least = sampled.mean() - 5 * ((sampled.var() + kl.var()) / len(rows)).sqrt() - 1e-4
        assert kl.mean() >= least, f"kl: {kl.mean():.3f} nats, less than {sampled.mean():.3f} over draws of q"


def _assert_frozen(prior: Prior, z: Tensor) -> None:
    frozen, z = prior.frozen(), z.clone().requires_grad_()
    value = frozen.log_prob(z)
    torch.testing.assert_close(value, prior.log_prob(z), rtol=0, atol=0)
    gradients = torch.autograd.grad(value.sum(), [z, *prior.parameters()], allow_unused=True)
    assert gradients[0] is not None, "frozen: no gradient reaches the codes"
    assert all(each is None for each in gradients[1:]), "frozen: a gradient reaches a parameter of the prior"
