"""The AS-Distance: how far apart two batches of posteriors are, as the densities that they add up to.

It is the squared L2 distance between the aggregate posteriors q̄ = mean_i q(z|x_i), a maximum mean discrepancy whose
kernel, the overlap of two Gaussians, is known in closed form:

    D(p, q) = ∫ (q̄_p(z) - q̄_q(z))² dz = mean_ij k(p_i, p_j) + mean_ij k(q_i, q_j) - 2·mean_ij k(p_i, q_j)    Eq. 3, 5
    k((μ, λ), (μ', λ')) = N(μ - μ'; 0, λ + λ')                                                                Eq. 6

with λ = exp(logvar). The forms differ in the kernel alone, with Λ_d = λ_d + λ'_d + 2h² and Δ = μ - μ':

    marginal     Σ_d (2πΛ_d)^-½·exp(-Δ_d²/(2Λ_d)): the sum over latent dimensions of the distance between marginals.
                 Blind to correlation between dimensions, but its gradient lives in any dimension. h = 0.61.
    joint        Π_d (2πΛ_d)^-½·exp(-Δ_d²/(2Λ_d)): Eq. 6 itself, computed in logarithms. h = 0. Refused for L > 8: all
                 pairs but i = j fall below the rounding of float32, and the gradient with them.
    reference    Σ_d Λ_d^-½·exp(-Δ_d²/(2Λ_d)) of tanh(μ) and tanh(logvar), h = 0: the published code.

The forms `marginal` and `joint` are equal at L = 1 and equal h. A bandwidth h smooths both densities by N(0, h²) first:
without it, an encoder that maximises D can do so without bound by λ -> 0, through the pairs i = j, (4πλ)^-½. (The tanh
of `reference` bounds λ too, and statistic "u" leaves these pairs out.) With statistic "v" D >= 0 but for rounding; with
"u" it is unbiased, and may be negative.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE", https://arxiv.org/abs/2206.13903;
https://github.com/LOUEY233/AS-IntroVAE. Gretton et al. 2012, "A Kernel Two-Sample Test",
https://jmlr.org/papers/v13/gretton12a.html, lemma 6, for the two statistics.

Deviations from the paper: Eq. 6 lacks its exp; it has (λ + λ')^½ where n dimensions have a product of such; k in Eq. 5
is an average over z ~ p(z), while Eq. 6 is the integral over dz, as here; it is no Wasserstein distance; i and j count
samples. From the published code: none in the form `reference`, whose reduction is "sum" for the encoder and "mean" for
the decoder there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from torch import Tensor

from genkit.api import DiagNormal, NonNegative


def log_marginal(p: DiagNormal, q: DiagNormal, h: float) -> Tensor:
    """Return log N(Δ_d; 0, Λ_d) for each latent dimension: (L, B, 1) and (L, 1, B') -> (L, B, B')."""
    # N(Δ; 0, Λ) = r·exp(-πr²Δ²) with r = (2πΛ)^-½. The constants go to the factors, which are small, not to the pairs.
    r = (2 * math.pi * p.logvar.exp() + 2 * math.pi * (q.logvar.exp() + 2 * h**2)).rsqrt()
    return r.log() - ((math.sqrt(math.pi) * p.mu - math.sqrt(math.pi) * q.mu) * r).square()


def log_joint(p: DiagNormal, q: DiagNormal, h: float) -> Tensor:
    """Return log N(Δ; 0, diag(Λ)), Eq. 6: (L, B, 1) and (L, 1, B') -> (1, B, B')."""
    return log_marginal(p, q, h).sum(dim=0, keepdim=True)


def log_reference(p: DiagNormal, q: DiagNormal, h: float) -> Tensor:
    """Return the published kernel's logarithm for each latent dimension: (L, B, 1) and (L, 1, B') -> (L, B, B')."""
    p, q = DiagNormal(p.mu.tanh(), p.logvar.tanh()), DiagNormal(q.mu.tanh(), q.logvar.tanh())
    return log_marginal(p, q, h) + 0.5 * math.log(2 * math.pi)  # it leaves out the (2π)^½


class Form(NamedTuple):
    """A kernel: all that one form has and another has not."""

    log_kernel: Callable[[DiagNormal, DiagNormal, float], Tensor]  # (L, B, 1), (L, 1, B'), h -> (K, B, B'); D sums K
    bandwidth: float  # h where a recipe states none
    largest: float = math.inf  # the L above which its gradient vanishes in float32


FORMS = {
    "marginal": Form(log_marginal, bandwidth=0.61),
    "joint": Form(log_joint, bandwidth=0.0, largest=8),
    "reference": Form(log_reference, bandwidth=0.0),
}

# What the mean over pairs and sum over the K kernels is multiplied by, from B and K.
REDUCTIONS: dict[str, Callable[[int, int], float]] = {
    "pairs-mean": lambda batch, kernels: 1.0,
    "mean": lambda batch, kernels: 1.0 / kernels,
    "sum": lambda batch, kernels: float(batch**2),
}


def mean_of_pairs(kernel: Tensor) -> Tensor:
    """Return the mean over all pairs, (K, B, B') -> (K,)."""
    return kernel.mean(dim=(1, 2))


def mean_of_unlike_pairs(kernel: Tensor) -> Tensor:
    """Return the mean over the pairs i != j of a symmetric kernel, (K, B, B) -> (K,)."""
    # Half of them are left out, not the diagonal taken off: a narrow posterior would take all digits with it.
    size = kernel.shape[-1]
    return 2 * kernel.tril(-1).sum(dim=(1, 2)) / (size * (size - 1))


WITHIN = {"v": mean_of_pairs, "u": mean_of_unlike_pairs}


@dataclass(frozen=True)
class ASDistance:
    """The squared L2 distance between the aggregate posteriors of two batches: one number, expanded to (B,)."""

    form: Literal["marginal", "joint", "reference"] = "marginal"  # which kernel
    # Mean over pairs and sum over latent dimensions, as the KL sums them; mean over both; sum over both.
    reduction: Literal["pairs-mean", "mean", "sum"] = "pairs-mean"
    statistic: Literal["v", "u"] = "v"  # within a batch "v" compares all pairs, "u" those of two samples
    bandwidth: NonNegative | None = None  # h, which adds 2h² to each λ + λ'; by default the form's own

    def __post_init__(self) -> None:
        if self.form == "reference" and self.bandwidth:
            raise ValueError(
                f'bandwidth = {self.bandwidth} cannot go with form = "reference", which is the published arithmetic '
                'and has none; leave it out, or use form = "marginal"'
            )

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return D(p, q), (B,), for p and q of shape (B, L). Raises `ValueError` for an L or B that cannot work."""
        batch, latent_dim = p.mu.shape
        form = FORMS[self.form]
        if latent_dim > form.largest:
            raise ValueError(
                f'form = "{self.form}" cannot train a latent space of {latent_dim} dimensions: above {form.largest} '
                'its gradient vanishes in float32. Use form = "marginal", as variant = "stable" of as-introvae does'
            )
        if self.statistic == "u" and batch < 2:
            raise ValueError(f'statistic = "u" compares unlike samples of a batch, and this one has {batch}; use "v"')
        h = form.bandwidth if self.bandwidth is None else self.bandwidth

        # Latent dimensions come first: the innermost loops then run along B, a fifth faster than along L at (512, 2).
        p, q = _columns(p), _columns(q)
        within = WITHIN[self.statistic]
        k_pp = within(form.log_kernel(_rows(p), p, h).exp())
        k_qq = within(form.log_kernel(_rows(q), q, h).exp())
        k_pq = mean_of_pairs(form.log_kernel(_rows(p), q, h).exp())

        # Eq. (5)
        distances = k_pp + k_qq - 2 * k_pq
        return (REDUCTIONS[self.reduction](batch, len(distances)) * distances.sum()).expand(batch)


def _columns(p: DiagNormal) -> DiagNormal:
    """Return `p` as the second of each pair, (B, L) -> (L, 1, B)."""
    return DiagNormal(p.mu.T.contiguous().unsqueeze(1), p.logvar.T.contiguous().unsqueeze(1))


def _rows(p: DiagNormal) -> DiagNormal:
    """Return columns as the first of each pair, (L, 1, B) -> (L, B, 1)."""
    return DiagNormal(p.mu.mT, p.logvar.mT)
