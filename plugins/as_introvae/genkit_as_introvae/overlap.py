"""The mean overlap of two batches of Gaussians over all pairs, in memory O(B·L) and with its gradient at hand.

    k_d(i, j) = ∫ N(z; m_id, v_id)·N(z; m'_jd, v'_jd) dz = N(Δ; 0, S),   Δ = m_id - m'_jd,   S = v_id + v'_jd

    mean_marginal_overlap     mean_ij Σ_d k_d(i, j)                  the sum of one-dimensional overlaps
    log_mean_joint_overlap    log mean_ij ω_i·ω'_j·Π_d k_d(i, j)     the overlap in L dimensions, as its logarithm

Left to autograd, either would keep about ten tensors of shape (L, B, B') for its backward. Here the pairs come in
blocks that a processor's cache holds, and each block adds to the gradient at once what it has to say,

    ∂ log k_d / ∂Δ = -Δ/S,   ∂ log k_d / ∂S = ½·(Δ²/S - 1)/S,

so that only the gradient is kept, which has the shape of the arguments. A batch with itself needs half of its pairs.

Jebara, Kondor & Howard 2004, "Probability Product Kernels", https://jmlr.org/papers/v5/jebara04a.html, section 3.1:
the expected likelihood kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

BLOCK = 2**17  # pairs times dimensions at once: a temporary of half a megabyte in float32


class Gaussians(NamedTuple):
    """A batch of weighted diagonal Gaussians, ω·N(mean, diag(variance))."""

    mean: Tensor  # (B, L)
    variance: Tensor  # (B, L), positive
    log_weight: Tensor  # log ω, (B,); marginal overlaps do not read it


def mean_marginal_overlap(p: Gaussians, q: Gaussians | None = None, *, unlike: bool = False) -> Tensor:
    """Return mean_ij Σ_d k_d(p_i, q_j), (). Without `q`, `p` is compared with itself; `unlike` leaves out i = j."""
    return _SumOverPairs.apply(_marginal, unlike, *p, *(q or ())) / (_count(p, q, unlike) * math.sqrt(2 * math.pi))


def log_mean_joint_overlap(p: Gaussians, q: Gaussians | None = None, *, unlike: bool = False) -> Tensor:
    """Return log mean_ij ω_i·ω'_j·Π_d k_d(p_i, q_j), (). Without `q`, and `unlike`: as `mean_marginal_overlap`."""
    constant = math.log(_count(p, q, unlike)) + 0.5 * p.mean.shape[1] * math.log(2 * math.pi)
    return _SumOverPairs.apply(_log_joint, unlike, *p, *(q or ())) - constant


def _count(p: Gaussians, q: Gaussians | None, unlike: bool) -> int:
    return len(p.mean) * (len((q or p).mean) - unlike)


class _SumOverPairs(torch.autograd.Function):
    """A sum whose gradient is made together with its value, and kept."""

    @staticmethod
    def forward(ctx: Any, sum_of: Callable[..., tuple[Tensor, Slopes]], unlike: bool, *batches: Tensor) -> Tensor:
        p = _latent_first(*batches[:3])
        q = _latent_first(*batches[3:]) if len(batches) > 3 else p
        value, slopes = sum_of(p, q, unlike, any(ctx.needs_input_grad))
        ctx.save_for_backward(*slopes.gradient(of_one=q is p))
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *(upstream * gradient for gradient in ctx.saved_tensors))


def _latent_first(mean: Tensor, variance: Tensor, log_weight: Tensor) -> Gaussians:
    """Return means and variances as (L, B): the innermost loops then run along B, which is longer."""
    return Gaussians(mean.T.contiguous(), variance.T.contiguous(), log_weight)


class Pairs(NamedTuple):
    """A block of pairs (i, j)."""

    rows: slice
    columns: slice
    times: float  # how often each counts: a batch with itself has its pairs i < j for their mirrors, too
    diagonal: bool  # whether it is square, around pairs i = j


def _blocks(p: Gaussians, q: Gaussians) -> Iterator[Pairs]:
    (latent_dim, rows), columns = p.mean.shape, q.mean.shape[1]
    size = max(1, BLOCK // (latent_dim * columns))
    for start in range(0, rows, size):
        stop = min(start + size, rows)
        here = slice(start, stop)
        if q is not p:
            yield Pairs(here, slice(0, columns), 1.0, diagonal=False)
            continue
        yield Pairs(here, here, 1.0, diagonal=True)
        if stop < rows:
            yield Pairs(here, slice(stop, rows), 2.0, diagonal=False)


def _scaled(p: Gaussians, q: Gaussians, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Return S^-½ and Δ·S^-½ of a block, each (L, b, c)."""
    r = (p.variance[:, pairs.rows, None] + q.variance[:, None, pairs.columns]).rsqrt_()
    return r, (p.mean[:, pairs.rows, None] - q.mean[:, None, pairs.columns]).mul_(r)


def _marginal(p: Gaussians, q: Gaussians, unlike: bool, differentiate: bool) -> tuple[Tensor, Slopes]:
    """Return √(2π)·Σ_ij Σ_d k_d, and its slopes."""
    total, slopes = p.mean.new_zeros(()), Slopes(p, q)
    for pairs in _blocks(p, q):
        r, e = _scaled(p, q, pairs)
        e2 = e.square()
        k = e2.mul(-0.5).exp_().mul_(r)
        if unlike and pairs.diagonal:
            k.diagonal(dim1=1, dim2=2).zero_()
        total.add_(k.sum(), alpha=pairs.times)
        if differentiate:
            slopes.add(pairs, r, e, e2, k)
    return total, slopes


def _log_joint(p: Gaussians, q: Gaussians, unlike: bool, differentiate: bool) -> tuple[Tensor, Slopes]:
    """Return log Σ_ij ω_i·ω'_j·Π_d √(2π)·k_d, and its slopes."""

    def log_kernel(pairs: Pairs, r: Tensor, e2: Tensor) -> Tensor:
        log_k = r.log().sub_(e2, alpha=0.5).sum(dim=0)
        log_k += p.log_weight[pairs.rows, None] + q.log_weight[pairs.columns] + math.log(pairs.times)
        return log_k.fill_diagonal_(-math.inf) if unlike and pairs.diagonal else log_k

    # Twice over the pairs: the slope of a logarithm of a sum has the sum in its denominator.
    total, slopes = p.mean.new_full((), -math.inf), Slopes(p, q)
    for pairs in _blocks(p, q):
        r, e = _scaled(p, q, pairs)
        torch.logaddexp(total, log_kernel(pairs, r, e.square_()).logsumexp(dim=(0, 1)), out=total)
    for pairs in _blocks(p, q) if differentiate else ():
        r, e = _scaled(p, q, pairs)
        e2 = e.square()
        slopes.add(pairs._replace(times=1.0), r, e, e2, (log_kernel(pairs, r, e2) - total).exp_())
    return total, slopes


class Slopes:
    """The derivative of a sum over pairs, gathered block by block."""

    def __init__(self, p: Gaussians, q: Gaussians):
        # -∂/∂Δ and 2·∂/∂S, summed over the other of each pair, then ∂/∂log ω.
        self.rows, self.columns = p.mean.new_zeros(2, *p.mean.shape), q.mean.new_zeros(2, *q.mean.shape)
        self.row_weights, self.column_weights = torch.zeros_like(p.log_weight), torch.zeros_like(q.log_weight)

    def add(self, pairs: Pairs, r: Tensor, e: Tensor, e2: Tensor, share: Tensor) -> None:
        """Take in a block from S^-½, Δ·S^-½ and its square, (L, b, c), and ∂/∂log k, (b, c) or (L, b, c)."""
        if share.dim() == 2:
            self.row_weights[pairs.rows] += share.sum(dim=1)
            self.column_weights[pairs.columns] += share.sum(dim=0)
        slope = share * r
        both = torch.empty(2, *slope.shape, dtype=slope.dtype, device=slope.device)
        torch.mul(e, slope, out=both[0])
        torch.mul(e2.sub_(1), slope.mul_(r), out=both[1])
        self.rows[:, :, pairs.rows].add_(both.sum(dim=3), alpha=pairs.times)
        self.columns[:, :, pairs.columns].add_(both.sum(dim=2), alpha=pairs.times)

    def gradient(self, *, of_one: bool) -> list[Tensor]:
        """Return what mean and variance, (B, L), and log_weight, (B,), of `p` get, then those of another `q`."""
        of_p = [-self.rows[0].T, 0.5 * self.rows[1].T, self.row_weights]
        of_q = [self.columns[0].T, 0.5 * self.columns[1].T, self.column_weights]
        return [a + b for a, b in zip(of_p, of_q, strict=True)] if of_one else of_p + of_q
