"""Priors: the law of the latent codes that a model decodes to samples.

A prior is the child `prior` of a model. A model without one has N(0, I), which has no tensors: it changes neither a
checkpoint nor a random number.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any, Self

from torch import Tensor, nn

from genkit.core.diag_normal import DiagNormal
from genkit.core.noise import Noise


class Prior(nn.Module, ABC):
    """Law of latent codes of dimension `latent_dim` (L).

    Its parameters are trained by the phases that update the child `prior`. Tensors that are not trained are buffers.
    """

    latent_dim: int

    @property
    @abstractmethod
    def description(self) -> str:
        """Name of the prior with all settings that change numbers, for protocols: ``mixture of 64``."""

    @abstractmethod
    def sample(self, noise: Noise) -> Tensor:
        """Return one code for each row of the noise, (B, L), with gradient to the parameters where there is one."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """Return the log-density in nats with all constants, (..., L) -> (...)."""

    @abstractmethod
    def kl(self, q: DiagNormal, noise: Noise) -> Tensor:
        """Return KL(q || prior) in nats, (B, L) -> (B,), or a bound or an estimate of it.

        `noise` has the B rows of `q`, or one row, whose draws all rows share. A closed form ignores it.
        """

    def frozen(self) -> Self:
        """Return this prior with its tensors detached: gradients pass through it, but do not reach its parameters."""
        tensors: list[Tensor] = [*self.parameters(), *self.buffers()]
        memo: dict[int, Any] = {id(tensor): tensor.detach() for tensor in tensors}
        return copy.deepcopy(self, memo)  # which shares the memory of the tensors in the memo


class StandardNormal(Prior):
    """The prior N(0, I)."""

    def __init__(self, *, latent_dim: int) -> None:
        super().__init__()
        self.latent_dim = latent_dim

    @property
    def description(self) -> str:
        """The name N(0, I)."""
        return "N(0, I)"

    def sample(self, noise: Noise) -> Tensor:
        """Return standard normal codes, (B, L)."""
        return noise.randn("z", self.latent_dim)

    def log_prob(self, z: Tensor) -> Tensor:
        """Return -½ Σ_d (z² + log 2π), (..., L) -> (...)."""
        return -0.5 * (z.square() + math.log(2 * math.pi)).sum(dim=-1)

    def kl(self, q: DiagNormal, noise: Noise) -> Tensor:
        """Return the closed form, (B, L) -> (B,)."""
        return kl_to_prior(q)

    def frozen(self) -> Self:
        """Return itself: it has no tensors."""
        return self


def kl_to_prior(q: DiagNormal) -> Tensor:
    """Return KL(q || N(0, I)) in nats, (B, L) -> (B,). A loss asks the prior of its model instead: `Prior.kl`.

    ½ Σ_d (μ² + σ² - 1 - log σ²): Kingma & Welling 2014, appendix B, https://arxiv.org/abs/1312.6114.
    """
    return 0.5 * (q.mu.square() + q.logvar.exp() - 1 - q.logvar).sum(dim=1)


def require_standard_normal(prior: Prior, asked_by: str, remedy: str) -> None:
    """Raise `ValueError` unless the prior is N(0, I). `asked_by` is the setting that needs it."""
    if not isinstance(prior, StandardNormal):
        raise ValueError(
            f"{asked_by} needs the prior N(0, I), but the model has another prior: {prior.description}. {remedy}"
        )
