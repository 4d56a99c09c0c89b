"""A diagonal Gaussian for each class as the prior of the latent codes, fixed or learnt.

    p(z|y) = N(m_y, diag(exp(v_y))),   y = 0, ..., C - 1;      p(z) = Σ_y f_y·p(z|y) without a class

    sample    z = m_y + exp(v_y/2)·ε, ε ~ N(0, I), with gradient to m_y and v_y
    log_prob  log N(z; m_y, exp(v_y))
    kl        KL(q || N_y) = ½ Σ_d ( (μ - m)²/e^v + σ²/e^v - 1 - log σ² + v ), exact

The class y of each row is the condition of the model (`genkit.core.condition`). Without a condition all three are those
of the mixture p(z) (`genkit.bases.priors.mixture`): classes are drawn with the frequencies f, and the KL is its bound.

One class with mean 0 and log-variance 0 is N(0, I).
"""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from genkit.api import LOG_2PI, Conditional, DiagNormal, Doc, LatentRows, Mixture, Noise, PositiveFloat, PositiveInt


class PerClass(Conditional, Mixture):
    """Diagonal Gaussian for each class, and their mixture where the class is unknown.

    Raises `ValueError` if the numbers of means, log-variances and frequencies do not fit together or to the latent
    code.
    """

    def __init__(
        self,
        *,
        classes: Annotated[PositiveInt | None, Doc("Number C of classes; by default the number of means.")] = None,
        means: Annotated[
            LatentRows | None, Doc("Mean of each class, a list of L numbers each; by default random, by the seed.")
        ] = None,
        spread: Annotated[PositiveFloat, Doc("Standard deviation of random means around 0.")] = 1.0,
        logvars: Annotated[
            float | LatentRows, Doc("Logarithm of the variances: one number for all, or L numbers for each class.")
        ] = 0.0,
        frequencies: Annotated[
            tuple[PositiveFloat, ...] | None,
            Doc("Weight of each class where the class is unknown, up to a common factor; by default equal."),
        ] = None,
        learnt: Annotated[
            bool,
            Doc("Whether the phases that update the prior train means and log-variances; needs [optimiser.prior]."),
        ] = False,
        latent_dim: int,
    ) -> None:
        _check_numbers(
            {
                "classes": classes,
                "means": None if means is None else len(means),
                "frequencies": None if frequencies is None else len(frequencies),
            }
        )
        super().__init__(
            components=classes,
            means=means,
            spread=spread,
            logvars=logvars,
            weights=frequencies,
            learnt=learnt,
            latent_dim=latent_dim,
        )
        self.classes = self.components

    @property
    def description(self) -> str:
        """The number of classes."""
        return f"a Gaussian for each of {self.classes} classes"

    def sample(self, noise: Noise) -> Tensor:
        """Return a code of the class of each row of the noise, (B, L), with gradient to means and log-variances."""
        labels = self.labels_of(len(noise.rows), self.means.device)
        if labels is None:
            return super().sample(noise)
        scale = (0.5 * self.bounded_logvars).exp()
        return self.means[labels] + scale[labels] * noise.randn("z", self.latent_dim)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z|y) in nats, (B, ..., L) -> (B, ...); without a condition log p(z), (..., L) -> (...)."""
        labels = self.labels_of(len(z), z.device)
        if labels is None:
            return super().log_prob(z)
        one_for_each = (len(labels), *(1,) * (z.dim() - 2), self.latent_dim)
        means, logvars = (each[labels].reshape(one_for_each) for each in (self.means, self.bounded_logvars))
        return -0.5 * ((z - means).square() * (-logvars).exp() + logvars + LOG_2PI).sum(dim=-1)

    def kl(self, q: DiagNormal, noise: Noise) -> Tensor:
        """Return KL(q || p(z|y)) in nats, (B, L) -> (B,); without a condition the bound of KL(q || p)."""
        labels = self.labels_of(len(q.mu), q.mu.device)
        if labels is None:
            return super().kl(q, noise)
        logvars = self.bounded_logvars[labels]
        ratio = q.logvar - logvars
        squares = (q.mu - self.means[labels]).square() * (-logvars).exp()
        return 0.5 * (squares + ratio.exp() - 1 - ratio).sum(dim=1)

    def start_from(self, q: DiagNormal, *, first: int = 0) -> None:
        """Raise `ValueError`: the first posteriors of a batch are not of one class each."""
        raise ValueError(
            'the prior "per-class" cannot start from the codes of single samples. Leave this out, or use the prior '
            '"mixture"'
        )


def _check_numbers(given: dict[str, int | None]) -> None:
    """Raise `ValueError` unless the given numbers of classes are there, positive and equal."""
    numbers = {key: number for key, number in given.items() if number is not None}
    if not numbers or 0 in numbers.values():
        raise ValueError("the number of classes is not given. Set classes, such as classes = 10, or give means")
    if len(set(numbers.values())) > 1:
        counted = " and ".join(f"{key} {number}" for key, number in numbers.items())
        raise ValueError(f"different numbers of classes: {counted}. Give as many of each")
