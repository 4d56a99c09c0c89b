"""Kullback-Leibler divergence between diagonal Gaussians, in closed form.

    KL(p || q) = ½ Σ_d [ log σ_q²/σ_p² + (σ_p² + (μ_p - μ_q)²)/σ_q² - 1 ]

Kingma & Welling 2014, appendix B, gives it for q = N(0, I): <https://arxiv.org/abs/1312.6114>.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genkit.api import DiagNormal


@dataclass(frozen=True)
class KL:
    """KL(p || q) of each sample in nats, row i of p against row i of q."""

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return KL(p || q) in nats, summed over the latent dimensions, (B, L) -> (B,).

        Raises `ValueError` if the shapes of p and q differ.
        """
        if p.mu.shape != q.mu.shape:
            shapes = f"{tuple(p.mu.shape)} and {tuple(q.mu.shape)}"
            raise ValueError(f"KL compares Gaussians row by row and needs equal shapes, but these are {shapes}")
        # Neither σ_q² nor 1/σ_q² is computed: either can leave the range of float32 where the ratios below do not.
        log_ratio = p.logvar - q.logvar
        shift = ((p.mu - q.mu) * (-0.5 * q.logvar).exp()).square()
        return 0.5 * (log_ratio.exp() + shift - 1 - log_ratio).sum(dim=1)
