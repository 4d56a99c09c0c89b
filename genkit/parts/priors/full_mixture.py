"""Mixture of Gaussians with full covariances as the prior of the latent codes, for a fit after the training.

    p(z) = Σ_c w_c·N(z; m_c, Σ_c),   Σ_c = L_c·L_cᵀ with L_c lower triangular,   c = 1, ..., C,   w = softmax(ω)

    sample    u ~ U[0, 1) chooses the component c by the inverse of the cumulative weights;
              z = m_c + L_c·ε, ε ~ N(0, I)
    log_prob  log Σ_c w_c·N(z; m_c, Σ_c)
    kl        -log Σ_c w_c·exp(-KL(q || N_c)), in closed form: an upper bound of KL(q || p), exact for C = 1

KL(q || N_c) = ½ ( tr(Σ_c⁻¹·diag(σ²)) + (μ - m_c)ᵀ·Σ_c⁻¹·(μ - m_c) - d + log det Σ_c - Σ_i log σ_i² ), in nats, for
codes of d dimensions. The bound is that of `genkit.bases.priors.mixture`.

Nothing is trained: all tensors are buffers. They start as C times N(0, I), which is N(0, I). `genkit fit-prior` sets
them to a mixture that it has fitted to codes of data (ex-post density estimation: Ghosh et al. 2020,
<https://arxiv.org/abs/1903.12436>).
"""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from genkit.api import LOG_2PI, DiagNormal, Doc, Noise, PositiveInt, Prior


class FullMixture(Prior):
    """Mixture of C Gaussians with full covariances, constant during a training."""

    logits: Tensor
    """Logits ω of the weights, (C,)."""
    means: Tensor
    """Mean of each Gaussian, (C, L)."""
    factors: Tensor
    """Lower Cholesky factor of the covariance of each Gaussian, (C, L, L)."""

    def __init__(
        self, *, components: Annotated[PositiveInt, Doc("Number C of Gaussians.")] = 10, latent_dim: int
    ) -> None:
        super().__init__()
        self.latent_dim, self.components = latent_dim, components
        self.register_buffer("logits", torch.zeros(components))
        self.register_buffer("means", torch.zeros(components, latent_dim))
        self.register_buffer("factors", torch.eye(latent_dim).repeat(components, 1, 1))

    @property
    def description(self) -> str:
        """The number of Gaussians, and the form of the KL."""
        return f"mixture of {self.components} Gaussians with full covariances, KL by its bound"

    @property
    def log_weights(self) -> Tensor:
        """Logarithms of the weights, (C,)."""
        return self.logits.log_softmax(dim=0)

    def sample(self, noise: Noise) -> Tensor:
        """Return one code for each row of the noise, (B, L)."""
        cumulative = self.log_weights.exp().cumsum(dim=0)
        # Rounding may leave the last one below 1.
        chosen = (noise.rand("component")[:, None] >= cumulative).sum(dim=1).clamp(max=self.components - 1)
        eps = noise.randn("z", self.latent_dim)
        z = torch.zeros_like(eps)
        for component, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            # All rows in turn: a factor for each row would take B·L·L numbers.
            z = torch.where(chosen[:, None] == component, mean + eps @ factor.T, z)
        return z

    def log_prob(self, z: Tensor) -> Tensor:
        """Return log p(z) in nats, (..., L) -> (...)."""
        return self.log_joint(z.reshape(-1, self.latent_dim)).logsumexp(dim=1).reshape(z.shape[:-1])

    def log_joint(self, z: Tensor) -> Tensor:
        """Return log w_c + log N(z; m_c, Σ_c) in nats for each component c, (B, L) -> (B, C)."""
        squares = self._whitened(z, self._inverses()).square().sum(dim=-1)
        constants = self.log_weights - self._half_log_determinants() - 0.5 * self.latent_dim * LOG_2PI
        return constants - 0.5 * squares.T

    def kl(self, q: DiagNormal, noise: Noise) -> Tensor:
        """Return the bound of KL(q || p), (B, L) -> (B,)."""
        return -(self.log_weights - self.kl_to_components(q)).logsumexp(dim=1)

    def kl_to_components(self, q: DiagNormal) -> Tensor:
        """Return KL(q || N_c) for each component c in nats, (B, L) -> (B, C)."""
        inverses = self._inverses()
        traces = q.logvar.exp() @ inverses.square().sum(dim=1).T
        squares = self._whitened(q.mu, inverses).square().sum(dim=-1).T
        entropies = (q.logvar.sum(dim=1) + self.latent_dim)[:, None]
        return 0.5 * (traces + squares - entropies) + self._half_log_determinants()

    def _inverses(self) -> Tensor:
        """Return L_c⁻¹ of each component, (C, L, L)."""
        identity = torch.eye(self.latent_dim, dtype=self.factors.dtype, device=self.factors.device)
        return torch.linalg.solve_triangular(self.factors, identity, upper=False)

    def _whitened(self, z: Tensor, inverses: Tensor) -> Tensor:
        """Return L_c⁻¹·(z - m_c) for each component c, (B, L) -> (C, B, L)."""
        return (z - self.means[:, None]) @ inverses.mT

    def _half_log_determinants(self) -> Tensor:
        """Return ½·log det Σ_c of each component, (C,)."""
        return self.factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
