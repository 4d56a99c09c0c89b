"""AS-Distance: the squared L2 distance between the aggregate posteriors of two batches.

The aggregate posterior of a batch is q̄ = mean_i q(z|x_i). The distance is a maximum mean discrepancy whose kernel, the
overlap of two Gaussians, has a closed form:

    D(p, q) = ∫ (q̄_p(z) - q̄_q(z))² dz = mean_ij k(p_i, p_j) + mean_ij k(q_i, q_j) - 2·mean_ij k(p_i, q_j)    Eq. 3, 5
    k((μ, λ), (μ', λ')) = ∫ N(z; μ, λ)·N(z; μ', λ') dz = N(μ - μ'; 0, λ + λ')                                 Eq. 6

where λ = exp(logvar). A bandwidth h smooths each posterior first: every λ below means λ + h². The forms, with their
default h, are

    marginal         ∫ (q̄_p,d - q̄_q,d)² dz summed over the latent dimensions d, the distance between the marginals: it
                     cannot see correlation between dimensions, but has a gradient in any dimension. h = 0.61
    joint            D itself. Its kernel is a product of L factors, so in many dimensions all pairs except i = j, and
                     with them the gradient, fall below the rounding error of float32: refused for L > 8. h = 0
    joint-smoothed   D divided by the kernel of the prior with itself, (4π(1 + h²))^(-L/2), with a bandwidth that grows
                     with the dimension, so neither vanishes. h = √(L/2)
    prior-weighted   ∫ (q̄_p - q̄_q)²·N(z; 0, I) dz, Eq. 5 taken literally: k is a mean over z ~ p(z). It vanishes like
                     `joint`: refused for L > 8. h = 0
    cauchy-schwarz   log mean_ij k(p_i, p_j) + log mean_ij k(q_i, q_j) - 2·log mean_ij k(p_i, q_j), the divergence of
                     the logarithms of the three means in D. It never vanishes, but is unbounded and grows with L. h = 0
    reference        √(2π) times `marginal` of tanh(μ) and tanh(logvar), the published code. It has no bandwidth

`marginal` and `joint` are equal for L = 1 and equal h. With h = 0, an encoder that maximises D can do so without bound
by λ -> 0, through the pairs i = j, whose kernel is (4πλ)^-½. (The tanh of `reference` bounds λ too, and statistic "u"
leaves these pairs out.) With statistic "v", D >= 0 up to rounding; with "u" it is unbiased and can be negative.
`cauchy-schwarz` has no "u": a logarithm of an unbiased mean is not unbiased, and without the pairs i = j the closest
few pairs decide. Between batches of 64 with means from N(0, I), λ = e^-2, L = 128, D was from -144 to 66 in 400 trials.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE",
<https://arxiv.org/abs/2206.13903>, with the code <https://github.com/LOUEY233/AS-IntroVAE>. For the two statistics,
Gretton et al. 2012, "A Kernel Two-Sample Test", <https://jmlr.org/papers/v13/gretton12a.html>, lemma 6; for
`cauchy-schwarz`, Jenssen et al. 2006, "The Cauchy-Schwarz divergence and Parzen windowing",
<https://doi.org/10.1016/j.jfranklin.2006.03.018>.

Deviations from the paper:

- Eq. 6 lacks its exp, and has (λ + λ')^½ where n dimensions have a product of such factors.
- k in Eq. 5 is an average over z ~ p(z), but Eq. 6 is the integral over dz, as in all forms except `prior-weighted`.
- The paper calls D a 2-Wasserstein distance, which it is not.
- i and j count samples, not pixels.

The form `reference` does not deviate from the published code, which uses the reduction "sum" for the encoder and "mean"
for the decoder.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from genkit.api import DiagNormal, Doc, NonNegativeFloat
from genkit_as_introvae.overlap import Gaussians, log_mean_joint_overlap, mean_marginal_overlap

# Step 1 of a form: turn each posterior, smoothed by h, into a weighted Gaussian.


def smooth(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²)."""
    return Gaussians(q.mu, q.logvar.exp() + h**2, torch.zeros_like(q.mu[:, 0]))


def divide_by_prior_overlap(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²) / √k, where k is the joint overlap of the smoothed prior N(0, 1 + h²) with itself."""
    return smooth(q, h)._replace(
        log_weight=torch.full_like(q.mu[:, 0], 0.25 * q.mu.shape[1] * math.log(4 * math.pi * (1 + h**2)))
    )


def multiply_by_root_of_prior(q: DiagNormal, h: float) -> Gaussians:
    """Return N(μ, λ + h²)·N(0, I)^½. It is Gaussian too, and a product of two has the prior as a factor.

    N(z; 0, 1) = 2√(2π)·N(z; 0, 2)², and N(z; μ, v)·N(z; 0, 2) = N(μ; 0, v + 2)·N(z; 2μ/(v + 2), 2v/(v + 2)).
    """
    variance = q.logvar.exp() + h**2
    sum_of_variances = variance + 2
    log_density = -0.5 * (q.mu.square() / sum_of_variances + (2 * math.pi * sum_of_variances).log())
    log_weight = (log_density + 0.5 * math.log(2 * math.sqrt(2 * math.pi))).sum(dim=1)
    return Gaussians(2 * q.mu / sum_of_variances, 2 * variance / sum_of_variances, log_weight)


def squash(q: DiagNormal, h: float) -> Gaussians:
    """Return N(tanh μ, exp(tanh logvar)), as in the published code; h is 0."""
    return smooth(DiagNormal(q.mu.tanh(), q.logvar.tanh()), h)


# Step 2 of a form: compare two batches. `distinct` leaves out the pairs i = j within a batch.


def marginal_distance(p: Gaussians, q: Gaussians, distinct: bool) -> Tensor:
    """Return Σ_d ∫ (mean_i p_id - mean_i q_id)², ()."""
    within = mean_marginal_overlap(p, distinct=distinct) + mean_marginal_overlap(q, distinct=distinct)
    return within - 2 * mean_marginal_overlap(p, q)


def published_distance(p: Gaussians, q: Gaussians, distinct: bool) -> Tensor:
    """Return `marginal_distance` without the factor (2π)^-½ of each kernel, ()."""
    return math.sqrt(2 * math.pi) * marginal_distance(p, q, distinct)


def joint_distance(p: Gaussians, q: Gaussians, distinct: bool) -> Tensor:
    """Return ∫ (mean_i p_i - mean_i q_i)², ()."""
    within = log_mean_joint_overlap(p, distinct=distinct).exp() + log_mean_joint_overlap(q, distinct=distinct).exp()
    return within - 2 * log_mean_joint_overlap(p, q).exp()


def cauchy_schwarz_divergence(p: Gaussians, q: Gaussians, distinct: bool) -> Tensor:
    """Return -2·log of the cosine of the angle between mean_i p_i and mean_i q_i, ()."""
    within = log_mean_joint_overlap(p, distinct=distinct) + log_mean_joint_overlap(q, distinct=distinct)
    return within - 2 * log_mean_joint_overlap(p, q)


class Form(NamedTuple):
    """The properties of one form."""

    prepare: Callable[[DiagNormal, float], Gaussians]  # of the posteriors and h
    compare: Callable[[Gaussians, Gaussians, bool], Tensor]  # of both batches and `distinct`
    bandwidth: Callable[[int], float] = lambda latent_dim: 0.0  # default h for a latent dimension
    can_vanish: bool = False  # the gradient can vanish as the latent dimension grows
    per_dimension: bool = False  # a sum over latent dimensions


FORMS = {
    "marginal": Form(smooth, marginal_distance, lambda latent_dim: 0.61, per_dimension=True),
    "joint": Form(smooth, joint_distance, can_vanish=True),
    "joint-smoothed": Form(
        divide_by_prior_overlap, joint_distance, lambda latent_dim: math.sqrt(latent_dim / 2), can_vanish=True
    ),
    "prior-weighted": Form(multiply_by_root_of_prior, joint_distance, can_vanish=True),
    "cauchy-schwarz": Form(smooth, cauchy_schwarz_divergence),
    "reference": Form(squash, published_distance, per_dimension=True),
}

# Factor of the mean over pairs and sum over kernels. There is one kernel per latent dimension, or one for a joint form.
REDUCTIONS: dict[str, Callable[[int, int], float]] = {
    "pairs-mean": lambda batch, kernels: 1.0,
    "mean": lambda batch, kernels: 1.0 / kernels,
    "sum": lambda batch, kernels: float(batch**2),
}

TYPICAL_VARIANCE = math.exp(-2)  # λ of a posterior that carries information about its sample
MAX_LOG_RATIO = 30.0  # largest log ratio, in nats, of the kernel of i = j to that of a pair; e^-30 is 1e-13


@dataclass(frozen=True)
class ASDistance:
    """Squared L2 distance between the aggregate posteriors of two batches: one number, expanded to (B,)."""

    form: Annotated[
        Literal["marginal", "joint", "joint-smoothed", "prior-weighted", "cauchy-schwarz", "reference"],
        Doc("Form of the distance, which says how it combines the latent dimensions."),
    ] = "marginal"
    reduction: Annotated[
        Literal["pairs-mean", "mean", "sum"],
        Doc('Mean over pairs and sum over latent dimensions, as in the KL; "mean" over both; or "sum" over both.'),
    ] = "pairs-mean"
    statistic: Annotated[
        Literal["v", "u"], Doc('Pairs within a batch: all of them, "v", or only those of two different samples, "u".')
    ] = "v"
    bandwidth: Annotated[
        NonNegativeFloat | None, Doc("Bandwidth h, which adds h² to each variance λ; by default that of the form.")
    ] = None

    symmetric: ClassVar[bool] = True

    @property
    def non_negative(self) -> bool:
        """Whether it is a squared distance; without the pairs i = j it is an unbiased estimate of one."""
        return self.statistic == "v"

    @property
    def zero_on_itself(self) -> bool:
        """Whether D(p, p) is 0, which an unbiased estimate is only on average."""
        return self.statistic == "v"

    def __post_init__(self) -> None:
        if self.form == "reference" and self.bandwidth:
            raise ValueError(
                f'bandwidth = {self.bandwidth}: form = "reference" is the published arithmetic and has no bandwidth. '
                'Remove the key, or use form = "marginal"'
            )
        if self.form == "cauchy-schwarz" and self.reduction != "pairs-mean":
            raise ValueError(
                f'reduction = "{self.reduction}": form = "cauchy-schwarz" is a ratio of means over pairs and has no '
                "other reduction. Remove the key"
            )
        if self.form == "cauchy-schwarz" and self.statistic == "u":
            raise ValueError(
                'statistic = "u": not unbiased for form = "cauchy-schwarz", a logarithm of means, and wrong by '
                'tens of nats where the latent dimension is large. Use statistic = "v"'
            )

    def dependent_defaults(self) -> dict[str, float]:
        """Return the bandwidth of the form, where the recipe leaves it out and it does not grow with the dimension."""
        bandwidth = FORMS[self.form].bandwidth
        if self.bandwidth is not None or self.form == "reference" or bandwidth(1) != bandwidth(2):
            return {}
        return {"bandwidth": bandwidth(1)}

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return D(p, q), (B,), for p and q of shape (B, L).

        Raises `ValueError` if the gradient of the form vanishes for L dimensions, and for "u" if B = 1.
        """
        batch, latent_dim = p.mu.shape
        form = FORMS[self.form]
        h = form.bandwidth(latent_dim) if self.bandwidth is None else self.bandwidth
        if form.can_vanish:
            self._refuse_vanishing_gradient(latent_dim, h)
        if self.statistic == "u" and batch < 2:
            raise ValueError(
                f'statistic = "u" needs a batch of at least two samples, and this one has {batch}. Use statistic = "v"'
            )

        # Eq. (5)
        distance = form.compare(form.prepare(p, h), form.prepare(q, h), self.statistic == "u")
        return (REDUCTIONS[self.reduction](batch, latent_dim if form.per_dimension else 1) * distance).expand(batch)

    def _refuse_vanishing_gradient(self, latent_dim: int, h: float) -> None:
        """Raise `ValueError` if the product of `latent_dim` factors leaves no pair of samples a share in D."""
        # The sum over dimensions of E Δ²/(2S), for means distributed as the prior: E Δ² = 2, S = 2(λ + h²).
        log_ratio = latent_dim / (2 * (TYPICAL_VARIANCE + h**2))
        if log_ratio > MAX_LOG_RATIO:
            needed = math.sqrt(latent_dim / (2 * MAX_LOG_RATIO) - TYPICAL_VARIANCE)
            raise ValueError(
                f'form = "{self.form}" with bandwidth = {h:g}: the gradient vanishes in float32 for {latent_dim} '
                'latent dimensions. Use form = "marginal" (that of variant = "stable"), or form = "joint-smoothed" '
                f"with its default bandwidth or one of at least {needed:.2g}"
            )
