"""Mixture of diagonal Gaussians as the prior of the latent codes, fixed or learnt.

    p(z) = Σ_c w_c·N(z; m_c, diag(exp(v_c))),   c = 1, ..., C,   w = softmax(ω)

    sample    u ~ U[0, 1) chooses the component c by the inverse of the cumulative weights;
              z = m_c + exp(v_c/2)·ε, ε ~ N(0, I), with gradient to m_c and v_c. No gradient reaches ω through c
    kl        "bound"     -log Σ_c w_c·exp(-KL(q || N_c)), in closed form: an upper bound of KL(q || p), exact for C = 1
              "sampled"   mean over M draws z ~ q of log q(z) - log p(z): unbiased, but noisy

KL(q || N_c) = ½ Σ_d ( (μ - m)²/e^v + σ²/e^v - 1 - log σ² + v ), in nats. The bound follows from Jensen's inequality
with the best responsibilities (Hershey & Olsen 2007, section 7, <https://doi.org/10.1109/ICASSP.2007.366913>). It takes
B·C·L numbers where the draws take B·M·C·L.

C = 1 with mean 0 and log-variance 0 is N(0, I).

Prior learning in Soft-IntroVAE, <https://arxiv.org/abs/2408.13805>, has such priors, with the KL by 100 draws.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from genkit.core.diag_normal import DiagNormal
from genkit.core.field_types import Doc, PositiveFloat, PositiveInt
from genkit.core.layers.posterior import LOGVAR_MAX, LOGVAR_MIN
from genkit.core.noise import Noise
from genkit.core.prior import Prior

LOG_2PI = math.log(2 * math.pi)
"""log 2π."""
BLOCK_NUMBERS = 2**25  # most numbers B·M·C·L of draws whose density is computed together
LatentRows = tuple[tuple[float, ...], ...]
"""Codes as a recipe writes them, (C, L)."""


class Mixture(Prior):
    """Mixture of C diagonal Gaussians.

    Raises `ValueError` if the numbers of means, log-variances and weights do not fit together or to the latent code.
    """

    means: Tensor
    """Mean of each Gaussian, (C, L)."""
    logvars: Tensor
    """Logarithm of the variances of each Gaussian, (C, L)."""
    logits: Tensor
    """Logits ω of the weights, (C,)."""
    lowest: Tensor
    """Lower bounds of the log-variances, (L,); those of posteriors until a loss sets others."""
    highest: Tensor

    def __init__(
        self,
        *,
        components: Annotated[PositiveInt | None, Doc("Number C of Gaussians; by default the number of means.")] = None,
        means: Annotated[
            LatentRows | None, Doc("Mean of each Gaussian, a list of L numbers each; by default random, by the seed.")
        ] = None,
        spread: Annotated[PositiveFloat, Doc("Standard deviation of random means around 0.")] = 1.0,
        logvars: Annotated[
            float | LatentRows, Doc("Logarithm of the variances: one number for all, or L numbers for each Gaussian.")
        ] = 0.0,
        weights: Annotated[
            tuple[PositiveFloat, ...] | None, Doc("Weight of each Gaussian, up to a common factor; by default equal.")
        ] = None,
        learnt: Annotated[
            bool,
            Doc("Whether the phases that update the prior train means and log-variances; needs [optimiser.prior]."),
        ] = False,
        learnt_weights: Annotated[
            bool, Doc("Whether the phases that update the prior train the weights; needs [optimiser.prior].")
        ] = False,
        kl: Annotated[
            Literal["bound", "sampled"], Doc('KL of a posterior from the prior: the closed-form "bound", or "sampled".')
        ] = "bound",
        draws: Annotated[PositiveInt, Doc('Number M of draws for each posterior, for kl = "sampled".')] = 100,
        latent_dim: int,
    ) -> None:
        super().__init__()
        number = _number_of(components, means, weights)
        if means is None:
            centres = spread * torch.randn(number, latent_dim)
        else:
            centres = _matrix("means", means, number, latent_dim)
        spreads = (
            torch.full((number, latent_dim), logvars)
            if isinstance(logvars, (int, float))
            else _matrix("logvars", logvars, number, latent_dim)
        )
        _check_range(logvars)
        self.latent_dim, self.components = latent_dim, number
        self.form, self.draws = kl, draws
        self.register_buffer("lowest", torch.full((latent_dim,), LOGVAR_MIN))
        self.register_buffer("highest", torch.full((latent_dim,), LOGVAR_MAX))
        self._hold("means", centres, learnt)
        self._hold("logvars", spreads, learnt)
        self._hold("logits", torch.tensor([math.log(weight) for weight in weights or [1.0] * number]), learnt_weights)

    def _hold(self, name: str, tensor: Tensor, learnt: bool) -> None:
        if learnt:
            self.register_parameter(name, nn.Parameter(tensor))
        else:
            self.register_buffer(name, tensor)

    @property
    def description(self) -> str:
        """The number of Gaussians and the form of the KL.

        Whether they are learnt, and until when, is decided by the loss and its steps as well, which a prior does not
        know.
        """
        form = f"{self.draws} draws" if self.form == "sampled" else "its bound"
        return f"mixture of {self.components} Gaussians, KL by {form}"

    @property
    def log_weights(self) -> Tensor:
        """Logarithms of the weights, (C,)."""
        return self.logits.log_softmax(dim=0)

    @property
    def bounded_logvars(self) -> Tensor:
        """Log-variances, (C, L), clamped to the range of those of posteriors, or softly to the bounds that were set."""
        v = self.logvars.clamp(LOGVAR_MIN, LOGVAR_MAX)
        beta = 10 / (self.highest - self.lowest + 1e-8)
        bounded = v - softplus(beta * (v - self.highest)) / beta + softplus(beta * (self.lowest - v)) / beta
        is_set = (self.lowest > LOGVAR_MIN) | (self.highest < LOGVAR_MAX)
        return torch.where(is_set, bounded, v)

    def bound_logvars(self) -> None:
        """Bound the log-variances of each dimension by the present range over the components, without gradient."""
        with torch.no_grad():
            self.lowest.copy_(self.logvars.amin(dim=0))
            self.highest.copy_(self.logvars.amax(dim=0))

    def start_from(self, q: DiagNormal, *, first: int = 0) -> None:
        """Set the components `first`, `first` + 1, ... to the Gaussians of `q`, (B, L), without gradient.

        Those that `q` is too short for keep their values; Gaussians for which no component is left are not used.
        """
        with torch.no_grad():
            for components, values in ((self.means[first:], q.mu), (self.logvars[first:], q.logvar)):
                number = min(len(components), len(values))
                components[:number].copy_(values[:number])

    def sample(self, noise: Noise) -> Tensor:
        """Return one code for each row of the noise, (B, L), with gradient to means and log-variances."""
        chosen = self.choose(noise.rand("component"))
        scale = (0.5 * self.bounded_logvars).exp()
        return self.means[chosen] + scale[chosen] * noise.randn("z", self.latent_dim)

    def choose(self, u: Tensor) -> Tensor:
        """Return the component of each u in [0, 1), (B,) -> (B,) int64, by the inverse of the cumulative weights."""
        cumulative = self.log_weights.detach().exp().cumsum(dim=0)
        # Rounding may leave the last one below 1.
        return (u[:, None] >= cumulative).sum(dim=1).clamp(max=self.components - 1)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, (..., L) -> (...)."""
        logvars = self.bounded_logvars
        squares = (z[..., None, :] - self.means).square() * (-logvars).exp()
        return (self.log_weights - 0.5 * (squares + logvars + LOG_2PI).sum(dim=-1)).logsumexp(dim=-1)

    def kl(self, q: DiagNormal, noise: Noise) -> Tensor:
        """Return the bound, or the mean over draws, (B, L) -> (B,)."""
        if self.form == "bound":
            return -(self.log_weights - self.kl_to_components(q)).logsumexp(dim=1)
        eps = noise.randn("kl", self.draws, self.latent_dim)  # (B, M, L), or (1, M, L) for all rows
        logvar = q.logvar[:, None]
        log_q = -0.5 * (eps.square() + logvar + LOG_2PI).sum(dim=-1)
        z = q.mu[:, None] + (0.5 * logvar).exp() * eps
        block = max(1, BLOCK_NUMBERS // (len(z) * self.means.numel()))
        return (log_q - torch.cat([self.log_prob(some) for some in z.split(block, dim=1)], dim=1)).mean(dim=1)

    def kl_to_components(self, q: DiagNormal) -> Tensor:
        """Return KL(q || N_c) for each component c in nats, (B, L) -> (B, C)."""
        logvars = self.bounded_logvars
        squares = (q.mu[:, None] - self.means).square() * (-logvars).exp()
        ratio = q.logvar[:, None] - logvars
        return 0.5 * (squares + ratio.exp() - 1 - ratio).sum(dim=-1)

    def responsibilities(self, q: DiagNormal) -> Tensor:
        """Return the share of each component in the bound, (B, L) -> (B, C); each row sums to 1."""
        return (self.log_weights - self.kl_to_components(q)).softmax(dim=1)


def _number_of(components: int | None, means: LatentRows | None, weights: tuple[float, ...] | None) -> int:
    """Return C. Raises `ValueError` if nothing gives it, or two keys give different numbers."""
    numbers = {
        "components": components,
        "means": None if means is None else len(means),
        "weights": None if weights is None else len(weights),
    }
    given = {key: number for key, number in numbers.items() if number is not None}
    if not given or 0 in given.values():
        raise ValueError("the number of Gaussians is not given. Set components, such as components = 10, or give means")
    if len(set(given.values())) > 1:
        counted = " and ".join(f"{key} {number}" for key, number in given.items())
        raise ValueError(f"different numbers of Gaussians: {counted}. Give as many of each")
    return next(iter(given.values()))


def _matrix(key: str, rows: Any, number: int, latent_dim: int) -> Tensor:
    """Return rows as a tensor, (C, L). Raises `ValueError` for other numbers of rows or columns."""
    columns = {len(row) for row in rows}
    if len(rows) != number or columns != {latent_dim}:
        found = f"{len(rows)} lists of {' and '.join(map(str, sorted(columns)))} numbers"
        raise ValueError(f"{key}: found {found}, expected {number} lists of {latent_dim}, the latent dimension")
    return torch.tensor(rows, dtype=torch.float32)


def _check_range(logvars: Any) -> None:
    """Raise `ValueError` for a log-variance at which the density overflows."""
    values = [logvars] if isinstance(logvars, (int, float)) else [value for row in logvars for value in row]
    if not all(LOGVAR_MIN <= value <= LOGVAR_MAX for value in values):
        raise ValueError(
            f"logvars: found values outside [{LOGVAR_MIN:g}, {LOGVAR_MAX:g}]. Give logarithms of variances"
        )
