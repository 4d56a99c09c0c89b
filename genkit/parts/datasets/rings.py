"""Four concentric rings, as published with Soft-IntroVAE.

    x = r·(cos θ, sin θ) + 0.08·ε,   r uniform on {0.75, 1.5, 2.25, 3},   θ ~ U[0, 2π),   ε ~ N(0, I)

Each ring has a quarter of the mass, so the density is higher on the inner rings.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`sample_2d_data`. Deviation: the published code draws a batch of B points with replacement from ⌊B/4⌋ equidistant
angles of each ring (the rest of B from the innermost), so its density depends on B: 128 angles for B = 512, and 1,250
for the 5,000 points of the evaluation. Here θ is continuous, the limit of large B. With 128 angles, neighbours on the
outermost ring are 0.147 apart, and after the noise the density along the ring varies by 0.6 %; on the other rings by
less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.api import DensitySet, Noise, Samples


@dataclass(frozen=True)
class Rings(DensitySet):
    """Four rings around the origin, 0.75 apart, standard deviation 0.08; no keys."""

    @property
    def half_width(self) -> float:
        """The published box, [-2·scale, 2·scale]² with scale = 2."""
        return 4.0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, (2,)."""
        return (2,)

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return one fresh point for each row of `noise`, (B, 2); `indices`, (B,), has no effect."""
        theta = 2 * math.pi * noise.rand("angle")
        circle = torch.stack([theta.cos(), theta.sin()], dim=1)
        radius = 0.75 * (1 + noise.randint("ring", 4, 1)).to(circle)
        return Samples(radius * circle + 0.08 * noise.randn("spread", 2))
