"""Mean overlap of two batches of Gaussians over all pairs, with its gradient, in O(B·L) memory.

    k_d(i, j) = ∫ N(z; m_id, v_id)·N(z; m'_jd, v'_jd) dz = N(Δ; 0, S),   Δ = m_id - m'_jd,   S = v_id + v'_jd

    mean_marginal_overlap     mean_ij Σ_d k_d(i, j)                  the sum of one-dimensional overlaps
    log_mean_joint_overlap    log mean_ij ω_i·ω'_j·Π_d k_d(i, j)     the logarithm of the overlap in L dimensions

With autograd, each would keep about ten tensors of shape (L, B, B') for its backward pass. Here the pairs are processed
in blocks that fit the cache of a processor, and each block adds its part of the gradient at once,

    ∂ log k_d / ∂Δ = -Δ/S,   ∂ log k_d / ∂S = ½·(Δ²/S - 1)/S,

so only the gradient is kept, which has the shape of the arguments. A batch with itself needs only half of its pairs.

Jebara, Kondor & Howard 2004, "Probability Product Kernels", <https://jmlr.org/papers/v5/jebara04a.html>, section 3.1:
the expected likelihood kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

BLOCK = 2**17  # pairs times dimensions in a block: half a megabyte in float32


class Gaussians(NamedTuple):
    """Batch of weighted diagonal Gaussians ω·N(mean, diag(variance))."""

    mean: Tensor  # (B, L)
    variance: Tensor  # (B, L), positive
    log_weight: Tensor  # log ω, (B,); marginal overlaps ignore it


def mean_marginal_overlap(p: Gaussians, q: Gaussians | None = None, *, distinct: bool = False) -> Tensor:
    """Return mean_ij Σ_d k_d(p_i, q_j), (). Without `q`, `p` is compared with itself; `distinct` leaves out i = j."""
    return _SumOverPairs.apply(_marginal, distinct, *p, *(q or ())) / (
        _pair_count(p, q, distinct) * math.sqrt(2 * math.pi)
    )


def log_mean_joint_overlap(p: Gaussians, q: Gaussians | None = None, *, distinct: bool = False) -> Tensor:
    """Return log mean_ij ω_i·ω'_j·Π_d k_d(p_i, q_j), (); for `q` and `distinct` see `mean_marginal_overlap`."""
    constant = math.log(_pair_count(p, q, distinct)) + 0.5 * p.mean.shape[1] * math.log(2 * math.pi)
    return _SumOverPairs.apply(_log_joint, distinct, *p, *(q or ())) - constant


def _pair_count(p: Gaussians, q: Gaussians | None, distinct: bool) -> int:
    return len(p.mean) * (len((q or p).mean) - distinct)


class _SumOverPairs(torch.autograd.Function):
    """Sum over pairs whose gradient is computed and kept with its value."""

    @staticmethod
    def forward(
        ctx: Any, sum_of: Callable[..., tuple[Tensor, OverlapGradient]], distinct: bool, *batches: Tensor
    ) -> Tensor:
        p = _latent_first(*batches[:3])
        q = _latent_first(*batches[3:]) if len(batches) > 3 else p
        value, gradient = sum_of(p, q, distinct, any(ctx.needs_input_grad))
        ctx.save_for_backward(*gradient.of_arguments(same_batch=q is p))
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *(upstream * gradient for gradient in ctx.saved_tensors))


def _latent_first(mean: Tensor, variance: Tensor, log_weight: Tensor) -> Gaussians:
    """Return means and variances as (L, B), so the innermost loops run along B, the longer dimension."""
    return Gaussians(mean.T.contiguous(), variance.T.contiguous(), log_weight)


class Pairs(NamedTuple):
    """Block of pairs (i, j)."""

    rows: slice
    columns: slice
    weight: float  # of each pair; 2 for pairs i < j of a batch with itself, which stand for (j, i) too
    diagonal: bool  # the block is square and contains the pairs i = j


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


def _scaled_differences(p: Gaussians, q: Gaussians, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Return S^-½ and Δ·S^-½ of a block, each (L, b, c)."""
    r = (p.variance[:, pairs.rows, None] + q.variance[:, None, pairs.columns]).rsqrt_()
    return r, (p.mean[:, pairs.rows, None] - q.mean[:, None, pairs.columns]).mul_(r)


def _marginal(p: Gaussians, q: Gaussians, distinct: bool, differentiate: bool) -> tuple[Tensor, OverlapGradient]:
    """Return √(2π)·Σ_ij Σ_d k_d and its gradient."""
    total, gradient = p.mean.new_zeros(()), OverlapGradient(p, q)
    for pairs in _blocks(p, q):
        r, e = _scaled_differences(p, q, pairs)
        e2 = e.square()
        k = e2.mul(-0.5).exp_().mul_(r)
        if distinct and pairs.diagonal:
            k.diagonal(dim1=1, dim2=2).zero_()
        total.add_(k.sum(), alpha=pairs.weight)
        if differentiate:
            gradient.add(pairs, r, e, e2, k)
    return total, gradient


def _log_joint(p: Gaussians, q: Gaussians, distinct: bool, differentiate: bool) -> tuple[Tensor, OverlapGradient]:
    """Return log Σ_ij ω_i·ω'_j·Π_d √(2π)·k_d and its gradient."""

    def log_kernel(pairs: Pairs, r: Tensor, e2: Tensor) -> Tensor:
        log_k = r.log().sub_(e2, alpha=0.5).sum(dim=0)
        log_k += p.log_weight[pairs.rows, None] + q.log_weight[pairs.columns] + math.log(pairs.weight)
        return log_k.fill_diagonal_(-math.inf) if distinct and pairs.diagonal else log_k

    # Two passes over the pairs: the gradient of the logarithm of a sum has the sum as its denominator.
    total, gradient = p.mean.new_full((), -math.inf), OverlapGradient(p, q)
    for pairs in _blocks(p, q):
        r, e = _scaled_differences(p, q, pairs)
        torch.logaddexp(total, log_kernel(pairs, r, e.square_()).logsumexp(dim=(0, 1)), out=total)
    for pairs in _blocks(p, q) if differentiate else ():
        r, e = _scaled_differences(p, q, pairs)
        e2 = e.square()
        gradient.add(pairs._replace(weight=1.0), r, e, e2, (log_kernel(pairs, r, e2) - total).exp_())
    return total, gradient


class OverlapGradient:
    """Gradient of a sum over pairs, accumulated block by block."""

    def __init__(self, p: Gaussians, q: Gaussians):
        # -∂/∂Δ and 2·∂/∂S, summed over the other member of each pair, and ∂/∂log ω.
        self.rows, self.columns = p.mean.new_zeros(2, *p.mean.shape), q.mean.new_zeros(2, *q.mean.shape)
        self.row_weights, self.column_weights = torch.zeros_like(p.log_weight), torch.zeros_like(q.log_weight)

    def add(self, pairs: Pairs, r: Tensor, e: Tensor, e2: Tensor, share: Tensor) -> None:
        """Add a block, given S^-½, Δ·S^-½ and its square, (L, b, c), and ∂/∂log k, (b, c) or (L, b, c)."""
        if share.dim() == 2:
            self.row_weights[pairs.rows] += share.sum(dim=1)
            self.column_weights[pairs.columns] += share.sum(dim=0)
        slope = share * r
        both = torch.empty(2, *slope.shape, dtype=slope.dtype, device=slope.device)
        torch.mul(e, slope, out=both[0])
        torch.mul(e2.sub_(1), slope.mul_(r), out=both[1])
        self.rows[:, :, pairs.rows].add_(both.sum(dim=3), alpha=pairs.weight)
        self.columns[:, :, pairs.columns].add_(both.sum(dim=2), alpha=pairs.weight)

    def of_arguments(self, *, same_batch: bool) -> list[Tensor]:
        """Return the gradient of mean, variance, (B, L), and log_weight, (B,), of `p`, then of `q` unless it is `p`."""
        of_p = [-self.rows[0].T, 0.5 * self.rows[1].T, self.row_weights]
        of_q = [self.columns[0].T, 0.5 * self.columns[1].T, self.column_weights]
        return [a + b for a, b in zip(of_p, of_q, strict=True)] if same_batch else of_p + of_q
