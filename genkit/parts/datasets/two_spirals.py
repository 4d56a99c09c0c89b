"""Two spirals of one and a half turns, each the reflection of the other in the origin, as published with Soft-IntroVAE.

    x = ±( -n·cos n + u/2, n·sin n + v/2 ) / 3 + 0.1·ε,   n = 3π·√w,   u, v, w ~ U[0, 1),   ε ~ N(0, I)

Both signs are equally likely. The density of n grows with n, as the length of the curve does, so the arms are filled
almost evenly; they end near radius π. u and v widen an arm to a band: a square of side 1/6 moved along the curve.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`sample_2d_data`. Deviation: the published code draws half of a batch, and the other half is its reflection except
for ε, which fails for an odd batch size; here each point draws its own n, u, v and sign. The density of a point is the
same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.api import DensitySet, Noise, Samples


@dataclass(frozen=True)
class TwoSpirals(DensitySet):
    """Two spirals around the origin, up to radius π; no keys."""

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
        n = 3 * math.pi * noise.rand("angle").sqrt()
        curve = torch.stack([-n * n.cos(), n * n.sin()], dim=1)
        arm = (curve + 0.5 * noise.rand("band", 2)) / 3
        sign = 1 - 2 * noise.randint("arm", 2, 1)
        return Samples(sign * arm + 0.1 * noise.randn("spread", 2))
