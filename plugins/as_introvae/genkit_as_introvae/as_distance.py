"""The AS-Distance: how far apart two batches of posteriors are, as the densities that they add up to.

It is the squared L2 distance between the aggregate posteriors q̄ = mean_i q(z|x_i), a maximum mean discrepancy whose
kernel, the overlap of two Gaussians, is known in closed form:

    D(p, q) = ∫ (q̄_p(z) - q̄_q(z))² dz = mean_ij k(p_i, p_j) + mean_ij k(q_i, q_j) - 2·mean_ij k(p_i, q_j)    Eq. 3, 5
    k((μ, λ), (μ', λ')) = ∫ N(z; μ, λ)·N(z; μ', λ') dz = N(μ - μ'; 0, λ + λ')                                 Eq. 6

with λ = exp(logvar). A bandwidth h smooths every posterior first: λ + h² stands for λ below. The forms are

    marginal         ∫ (q̄_p,d - q̄_q,d)² dz summed over the latent dimensions d: the distance between marginals, blind to
                     correlation between dimensions, but with a gradient in any dimension. h = 0.61
    joint            D itself. Its kernel is a product of L factors, so that in many dimensions all pairs but i = j fall
                     below the rounding of float32, and the gradient with them: refused there. h = 0
    joint-smoothed   D over the kernel of the prior with itself, (4π(1 + h²))^(-L/2), with a bandwidth that grows with
                     the dimension, so that neither vanishes. h = √(L/2)
    prior-weighted   ∫ (q̄_p - q̄_q)²·N(z; 0, I) dz: Eq. 5 to the letter, k being a mean over z ~ p(z). Vanishes as
                     `joint` does. h = 0
    cauchy-schwarz   log mean_ij k(p_i, p_j) + log mean_ij k(q_i, q_j) - 2·log mean_ij k(p_i, q_j): the divergence that
                     takes D's three means as logarithms. Never vanishes, but has no bound; it grows with L. h = 0
    reference        √(2π) times `marginal` of tanh(μ) and tanh(logvar): the published code. h = 0

`marginal` and `joint` are equal at L = 1 and equal h. Where h = 0, an encoder that maximises D can do so without bound
by λ -> 0, through the pairs i = j, (4πλ)^-½. (The tanh of `reference` bounds λ too, and statistic "u" leaves these
pairs out.) With statistic "v" D >= 0 but for rounding; with "u" it is unbiased, and may be negative.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE", https://arxiv.org/abs/2206.13903;
https://github.com/LOUEY233/AS-IntroVAE. Gretton et al. 2012, "A Kernel Two-Sample Test",
https://jmlr.org/papers/v13/gretton12a.html, lemma 6, for the two statistics. Jenssen et al. 2006, "The Cauchy-Schwarz
divergence and Parzen windowing", https://doi.org/10.1016/j.jfranklin.2006.03.018.

Deviations from the paper: Eq. 6 lacks its exp; it has (λ + λ')^½ where n dimensions have a product of such; k in Eq. 5
is an average over z ~ p(z), while Eq. 6 is the integral over dz, as in all forms but `prior-weighted`; it is no
Wasserstein distance; i and j count samples. From the published code: none in the form `reference`, whose reduction is
"sum" for the encoder and "mean" for the decoder there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor

from genkit.api import DiagNormal, Doc, NonNegativeFloat
from genkit_as_introvae.overlap import Gaussians, log_mean_joint_overlap, mean_marginal_overlap

# A form first describes each posterior, smoothed by h, as a weighted Gaussian.


def plain(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²)."""
    return Gaussians(q.mu, q.logvar.exp() + h**2, torch.zeros_like(q.mu[:, 0]))


def over_that_of_the_prior(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²) over the root of the joint overlap of the prior, so smoothed, with itself."""
    return plain(q, h)._replace(
        log_weight=torch.full_like(q.mu[:, 0], 0.25 * q.mu.shape[1] * math.log(4 * math.pi * (1 + h**2)))
    )


def times_root_of_prior(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²)·N(0, I)^½, a Gaussian again, so that the product of two has the prior for a factor.

    N(z; 0, 1) = 2√(2π)·N(z; 0, 2)², and N(z; μ, v)·N(z; 0, 2) = N(μ; 0, v + 2)·N(z; 2μ/(v + 2), 2v/(v + 2)).
    """
    variance = q.logvar.exp() + h**2
    sum_of_variances = variance + 2
    log_density = -0.5 * (q.mu.square() / sum_of_variances + (2 * math.pi * sum_of_variances).log())
    log_weight = (log_density + 0.5 * math.log(2 * math.sqrt(2 * math.pi))).sum(dim=1)
    return Gaussians(2 * q.mu / sum_of_variances, 2 * variance / sum_of_variances, log_weight)


def squashed(q: DiagNormal, h: float) -> Gaussians:
    """Return N(tanh μ, exp(tanh logvar)), as published; h is 0."""
    return plain(DiagNormal(q.mu.tanh(), q.logvar.tanh()), h)


# Then it compares two batches of them; `unlike` leaves out the pairs i = j.


def between_marginals(p: Gaussians, q: Gaussians, unlike: bool) -> Tensor:
    """Return Σ_d ∫ (mean_i p_id - mean_i q_id)², ()."""
    within = mean_marginal_overlap(p, unlike=unlike) + mean_marginal_overlap(q, unlike=unlike)
    return within - 2 * mean_marginal_overlap(p, q)


def as_published(p: Gaussians, q: Gaussians, unlike: bool) -> Tensor:
    """Return the same without the factor (2π)^-½ of each kernel, ()."""
    return math.sqrt(2 * math.pi) * between_marginals(p, q, unlike)


def between_joints(p: Gaussians, q: Gaussians, unlike: bool) -> Tensor:
    """Return ∫ (mean_i p_i - mean_i q_i)², ()."""
    within = log_mean_joint_overlap(p, unlike=unlike).exp() + log_mean_joint_overlap(q, unlike=unlike).exp()
    return within - 2 * log_mean_joint_overlap(p, q).exp()


def cauchy_schwarz(p: Gaussians, q: Gaussians, unlike: bool) -> Tensor:
    """Return -2·log of the cosine between mean_i p_i and mean_i q_i, ()."""
    within = log_mean_joint_overlap(p, unlike=unlike) + log_mean_joint_overlap(q, unlike=unlike)
    return within - 2 * log_mean_joint_overlap(p, q)


class Form(NamedTuple):
    """All that one form has and another has not."""

    describe: Callable[[DiagNormal, float], Gaussians]
    compare: Callable[[Gaussians, Gaussians, bool], Tensor]
    bandwidth: Callable[[int], float] = lambda latent_dim: 0.0  # h where a recipe states none
    vanishes: bool = False  # as the latent dimension grows
    per_dimension: bool = False  # whether it is a sum over latent dimensions


FORMS = {
    "marginal": Form(plain, between_marginals, lambda latent_dim: 0.61, per_dimension=True),
    "joint": Form(plain, between_joints, vanishes=True),
    "joint-smoothed": Form(
        over_that_of_the_prior, between_joints, lambda latent_dim: math.sqrt(latent_dim / 2), vanishes=True
    ),
    "prior-weighted": Form(times_root_of_prior, between_joints, vanishes=True),
    "cauchy-schwarz": Form(plain, cauchy_schwarz),
    "reference": Form(squashed, as_published, per_dimension=True),
}

# What the mean over pairs and sum over K latent dimensions (or joint spaces, of which there is one) is multiplied by.
REDUCTIONS: dict[str, Callable[[int, int], float]] = {
    "pairs-mean": lambda batch, kernels: 1.0,
    "mean": lambda batch, kernels: 1.0 / kernels,
    "sum": lambda batch, kernels: float(batch**2),
}

TYPICAL_VARIANCE = math.exp(-2)  # λ of a posterior that tells where its sample lies
FAINTEST = 30.0  # nats by which a pair may stand below a sample with itself; e^-30 is 1e-13


@dataclass(frozen=True)
class ASDistance:
    """The squared L2 distance between the aggregate posteriors of two batches: one number, expanded to (B,)."""

    form: Annotated[
        Literal["marginal", "joint", "joint-smoothed", "prior-weighted", "cauchy-schwarz", "reference"],
        Doc("How the latent dimensions are brought together; see the table at the top of its file."),
    ] = "marginal"
    reduction: Annotated[
        Literal["pairs-mean", "mean", "sum"],
        Doc("Mean over pairs and sum over latent dimensions, as the KL sums them; mean over both; sum over both."),
    ] = "pairs-mean"
    statistic: Annotated[Literal["v", "u"], Doc('within a batch "v" compares all pairs, "u" those of two samples')] = (
        "v"
    )
    bandwidth: Annotated[NonNegativeFloat | None, Doc("h, which adds h² to each λ; by default the form's own")] = None

    def __post_init__(self) -> None:
        if self.form == "reference" and self.bandwidth:
            raise ValueError(
                f'bandwidth = {self.bandwidth} cannot go with form = "reference", which is the published arithmetic '
                'and has none; leave it out, or use form = "marginal"'
            )
        if self.form == "cauchy-schwarz" and self.reduction != "pairs-mean":
            raise ValueError(
                f'reduction = "{self.reduction}" cannot go with form = "cauchy-schwarz", a ratio of means over pairs; '
                "leave it out"
            )

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return D(p, q), (B,), for p and q of shape (B, L). Raises `ValueError` for an L or B that cannot work."""
        batch, latent_dim = p.mu.shape
        form = FORMS[self.form]
        h = form.bandwidth(latent_dim) if self.bandwidth is None else self.bandwidth
        if form.vanishes:
            self._check_alive(latent_dim, h)
        if self.statistic == "u" and batch < 2:
            raise ValueError(f'statistic = "u" compares unlike samples of a batch, and this one has {batch}; use "v"')

        # Eq. (5)
        distance = form.compare(form.describe(p, h), form.describe(q, h), self.statistic == "u")
        return (REDUCTIONS[self.reduction](batch, latent_dim if form.per_dimension else 1) * distance).expand(batch)

    def _check_alive(self, latent_dim: int, h: float) -> None:
        """Raise `ValueError` where a product of `latent_dim` factors leaves no pair of samples a share in D."""
        # E Δ²/(2S) summed over dimensions, for means spread as the prior is: E Δ² = 2, S = 2(λ + h²).
        faintness = latent_dim / (2 * (TYPICAL_VARIANCE + h**2))
        if faintness > FAINTEST:
            needed = math.sqrt(latent_dim / (2 * FAINTEST) - TYPICAL_VARIANCE)
            raise ValueError(
                f'form = "{self.form}" with bandwidth = {h:g} cannot train a latent space of {latent_dim} dimensions: '
                'its gradient vanishes in float32. Use form = "marginal", which variant = "stable" of as-introvae '
                f'has, or form = "joint-smoothed" with its own bandwidth or one of at least {needed:.2g}'
            )
