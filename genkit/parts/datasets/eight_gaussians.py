"""Eight narrow Gaussians on a circle, as published with Soft-IntroVAE.

    x = (2·u_m + 0.02·ε) / 1.414,   u_m = (cos mπ/4, sin mπ/4),   m uniform on {0, ..., 7},   ε ~ N(0, I)

The modes are at radius 1.41443 ≈ √2, with standard deviation 0.014144. The radius is neither 1 nor 2, since the
published `ToyDataset` keeps its default ``scale=2`` for every scale at which its caller evaluates.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`ToyDataset.next_batch`. Deviation: a whole batch is drawn at once, from genkit's random numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genkit.api import GaussianMixture

DIVISOR = 1.414  # not √2: the published code rounds it


@dataclass(frozen=True)
class EightGaussians(GaussianMixture):
    """Eight Gaussians on the circle of radius 2/1.414, standard deviation 0.02/1.414; no keys."""

    @cached_property
    def centres(self) -> Tensor:
        """The modes, (8, 2) float64, counter-clockwise from the positive x axis."""
        angles = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
        return torch.stack([angles.cos(), angles.sin()], dim=1) * (2 / DIVISOR)

    @property
    def std(self) -> float:
        """The standard deviation of each mode."""
        return 0.02 / DIVISOR

    @property
    def half_width(self) -> float:
        """The published box, [-2·scale, 2·scale]² with scale = 1."""
        return 2.0
