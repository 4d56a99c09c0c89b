"""Fit of a mixture of Gaussians with full covariances to codes, by expectation-maximisation in float64.

    E   ρ_nc = w_c·N(z_n; m_c, Σ_c) / Σ_k w_k·N(z_n; m_k, Σ_k)
    M   N_c = Σ_n ρ_nc,   w_c = N_c / N,   m_c = Σ_n ρ_nc·z_n / N_c,
        Σ_c = Σ_n ρ_nc·(z_n - m_c)(z_n - m_c)ᵀ / N_c + 10⁻⁶·diag(s²),   s² the variances of all codes

(Dempster, Laird & Rubin 1977, <https://doi.org/10.1111/j.2517-6161.1977.tb01600.x>.) The fit starts from the centres of
k-means, and k-means from k-means++ (Arthur & Vassilvitskii 2007, <https://dl.acm.org/doi/10.5555/1283383.1283494>). All
components start with the covariance within the clusters, so a small cluster does not start as a spike. The ridge has
the scale of the codes in each dimension, so codes in another unit give the same fit in that unit.

Codes are read a block at a time: beside them, memory takes N·C numbers, and those of one block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.core.noise import Noise, Rows
from genkit.core.prior import Prior
from genkit.parts.priors.full_mixture import FullMixture

TOLERANCE = 1e-3  # nats that the mean log-likelihood must gain in an iteration
MOST_ITERATIONS = 2000
MOST_MOVES = 100  # iterations of k-means
RIDGE = 1e-6  # added to variances, as a share of those of all codes, so that no covariance is singular
BLOCK_NUMBERS = 2**22  # most numbers B·C·L that are computed together


@dataclass(frozen=True)
class MixtureFit:
    """A fitted mixture, and how the fit went."""

    prior: FullMixture  # float64
    history: tuple[float, ...]  # mean log-likelihood in nats at the start and after each iteration
    codes_of_components: tuple[float, ...]  # N_c, the expected number of codes of each component

    @property
    def iterations(self) -> int:
        """The number of iterations."""
        return len(self.history) - 1

    @property
    def converged(self) -> bool:
        """Whether the last iteration gained less than the tolerance."""
        return self.history[-1] - self.history[-2] < TOLERANCE

    @property
    def log_likelihood(self) -> float:
        """Mean log-density of the codes under the fitted mixture, in nats."""
        return self.history[-1]


def fit_mixture(
    codes: Tensor, components: int, seed: int, progress: Callable[[int], None] = lambda done: None
) -> MixtureFit:
    """Fit `components` (C) Gaussians to codes, (N, L). `progress` is called after each iteration with 1.

    The fit depends on the set of codes, not on their order. Raises `ValueError` if there are fewer than C + 1 or than
    L + 1 codes, or fewer than C different ones, or if all are equal.
    """
    number, latent_dim = codes.shape
    if number < (least := max(components, latent_dim) + 1):
        raise ValueError(
            f"{number:,} codes are too few for {components} Gaussians with full covariances in {latent_dim} "
            f"dimensions: expected {least:,} or more"
        )
    codes = codes[_order(codes)]
    prior = FullMixture(components=components, latent_dim=latent_dim).double()
    ridge = _ridge(codes)
    _start(prior, codes, ridge, Noise(seed, 0, "fit-prior", Rows.all(components)))
    shares, value = _expect(prior, codes)
    history = [value]
    while len(history) < 2 or (history[-1] - history[-2] >= TOLERANCE and len(history) <= MOST_ITERATIONS):
        _set(prior, *_moments(codes, shares), ridge)
        shares, value = _expect(prior, codes)
        history.append(value)
        progress(1)
    return MixtureFit(prior, tuple(history), tuple(shares.sum(dim=0).tolist()))


@torch.no_grad()
def mean_log_likelihood(prior: Prior, codes: Tensor) -> float:
    """Return the mean log-density of codes, (N, L), in nats. `prior` is in float64."""
    numbers = sum(tensor.numel() for tensor in (*prior.parameters(), *prior.buffers()))
    total = sum(prior.log_prob(block).sum().item() for block in _blocks(codes, -(-numbers // codes.shape[1]) or 1))
    return total / len(codes)


def _blocks(codes: Tensor, components: int) -> Iterator[Tensor]:
    """Yield the codes a block at a time, (b, L), in float64."""
    for block in codes.split(max(1, BLOCK_NUMBERS // (components * codes.shape[1]))):
        yield block.double()


def _expect(prior: FullMixture, codes: Tensor) -> tuple[Tensor, float]:
    """Return the responsibilities, (N, C), and the mean log-likelihood in nats."""
    joint = torch.cat([prior.log_joint(block) for block in _blocks(codes, prior.components)])
    return joint.softmax(dim=1), joint.logsumexp(dim=1).mean().item()


def _order(codes: Tensor) -> Tensor:
    """Return the lexicographic order of codes, (N,) int64."""
    order = torch.arange(len(codes))
    for column in reversed(range(codes.shape[1])):
        order = order[codes[order, column].argsort(stable=True)]
    return order


def _ridge(codes: Tensor) -> Tensor:
    """Return the diagonal matrix that is added to covariances, (L, L); a constant dimension has a smaller number."""
    [_], _, [covariance] = _moments(codes, torch.ones(len(codes), 1, dtype=torch.float64))
    variances = covariance.diagonal()
    return RIDGE * torch.diag(variances.clamp(min=RIDGE * variances.mean()))


def _set(prior: FullMixture, weights: Tensor, means: Tensor, covariances: Tensor, ridge: Tensor) -> None:
    """Set the mixture to these moments, with a ridge, (L, L), on the covariances."""
    prior.logits.copy_(weights.log())
    prior.means.copy_(means)
    prior.factors.copy_(torch.linalg.cholesky(covariances + ridge))


def _moments(codes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights, (C,), means, (C, L), and covariances, (C, L, L), by responsibilities, (N, C)."""
    numbers = shares.sum(dim=0).clamp(min=math.ulp(1.0))  # a component without codes keeps a weight above 0
    latent_dim = codes.shape[1]
    means = torch.zeros(len(numbers), latent_dim, dtype=torch.float64)
    scatter = torch.zeros(len(numbers), latent_dim, latent_dim, dtype=torch.float64)
    for block, share in _with_shares(codes, shares):
        means += share.T @ block
    means /= numbers[:, None]
    for block, share in _with_shares(codes, shares):
        centred = block - means[:, None]
        scatter += (share.T[:, :, None] * centred).mT @ centred
    return numbers / len(codes), means, scatter / numbers[:, None, None]


def _with_shares(codes: Tensor, shares: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield blocks of codes with their responsibilities."""
    start = 0
    for block in _blocks(codes, shares.shape[1]):
        yield block, shares[start : start + len(block)]
        start += len(block)


def _start(prior: FullMixture, codes: Tensor, ridge: Tensor, noise: Noise) -> None:
    """Set the mixture to the clusters of k-means, with the covariance within the clusters in all components."""
    nearest = _clusters(codes, _spread_centres(codes, noise))
    shares = torch.nn.functional.one_hot(nearest, prior.components).double()
    weights, means, covariances = _moments(codes, shares)
    within = (weights[:, None, None] * covariances).sum(dim=0)
    _set(prior, weights, means, within.expand_as(covariances), ridge)


def _spread_centres(codes: Tensor, noise: Noise) -> Tensor:
    """Return a code for each row of the noise by k-means++, (C, L). Raises `ValueError` if too few are different."""
    squares, centres = torch.ones(len(codes), dtype=torch.float64), list[Tensor]()
    for u in noise.rand("centres").double():
        cumulative = squares.cumsum(dim=0)
        if cumulative[-1] == 0:
            raise ValueError(f"the {len(codes):,} codes have only {len(centres)} different values")
        centre = codes[torch.searchsorted(cumulative, u * cumulative[-1], right=True)].double()
        centres.append(centre)
        distances = torch.cat([(block - centre).square().sum(dim=1) for block in _blocks(codes, 1)])
        squares = distances if len(centres) == 1 else torch.minimum(squares, distances)
        if len(centres) == 1 and not squares.any():
            raise ValueError(f"the {len(codes):,} codes are all equal")
    return torch.stack(centres)


def _clusters(codes: Tensor, centres: Tensor) -> Tensor:
    """Return the number of the cluster of each code by k-means (Lloyd's iterations), (N,) int64."""
    nearest = torch.empty(0)
    for _ in range(MOST_MOVES):
        before = nearest
        nearest = torch.cat([torch.cdist(block, centres).argmin(dim=1) for block in _blocks(codes, len(centres))])
        if torch.equal(before, nearest):
            break
        numbers = torch.bincount(nearest, minlength=len(centres))[:, None]
        sums, start = torch.zeros_like(centres), 0
        for block in _blocks(codes, len(centres)):
            sums.index_add_(0, nearest[start : start + len(block)], block)
            start += len(block)
        centres = torch.where(numbers > 0, sums / numbers, centres)
    return nearest
