"""The uniform density on every other square of a 4 x 4 checkerboard, as published with Soft-IntroVAE.

    x = 2·(a, b),   a = 4·u - 2,   b = v - 2·m + (⌊a⌋ mod 2),   u, v ~ U[0, 1),   m uniform on {0, 1}

The density is 1/32 on eight squares of side 2, those with the colour of the lower left square, and 0 elsewhere in
[-4, 4]². No noise is added: the edges are sharp, and half of the box is empty.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`sample_2d_data`. No deviation except for genkit's random numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from genkit.api import DensitySet, Noise, Samples


@dataclass(frozen=True)
class Checkerboard(DensitySet):
    """Eight squares of side 2, those of one colour on a 4 x 4 board; no keys."""

    @property
    def half_width(self) -> float:
        """The published box, [-2·scale, 2·scale]² with scale = 2: the board itself."""
        return 4.0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, (2,)."""
        return (2,)

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return one fresh point for each row of `noise`, (B, 2); `indices`, (B,), has no effect."""
        a = 4 * noise.rand("across") - 2
        b = noise.rand("up") - 2 * noise.randint("square", 2) + a.floor() % 2
        return Samples(2 * torch.stack([a, b], dim=1))
