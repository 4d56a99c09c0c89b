"""Diagonal Gaussians, the output of encoders. Importing this does not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class DiagNormal(NamedTuple):
    """Batch of diagonal Gaussians N(mu, diag(exp(logvar))), the output of an encoder."""

    mu: Tensor
    """The means, (B, L)."""
    logvar: Tensor
    """Natural logarithms of the variances, (B, L); the model clamps them."""

    def sample(self, eps: Tensor) -> Tensor:
        """Return the reparameterised sample mu + σ·eps, (B, L), for standard normal `eps`, (B, L)."""
        return self.mu + (0.5 * self.logvar).exp() * eps

    def detach(self) -> DiagNormal:
        """Return the same Gaussians without gradient."""
        return DiagNormal(self.mu.detach(), self.logvar.detach())
