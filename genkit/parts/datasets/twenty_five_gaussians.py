"""Twenty-five narrow Gaussians on a square grid, as published with Soft-IntroVAE.

    x = 2·(2·k + 0.05·ε) / 2.828,   k uniform on {-2, -1, 0, 1, 2}²,   ε ~ N(0, I)

Neighbouring modes are 1.41443 apart, each with standard deviation 0.035361; the outermost coordinate is 2.82885. The
divisor is from Gulrajani et al. 2017, gan_toy.py of https://github.com/igul222/improved_wgan_training. The factor 2 in
front is the ``scale=2`` of the published `ToyDataset`.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`ToyDataset.next_batch`. Deviation: the published code cuts batches from a pool of 100,000 points, 4,000 of each mode,
shuffled once, so that the same batches return; here every point is fresh, and its mode is drawn independently. The box
is the default ``scale=1`` of the published training function times the ``range=2`` of this density; the published
command line would double it, but its help does not list this density.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genkit.api import GaussianMixture

DIVISOR = 2.828  # not 2√2: the published code rounds it
SCALE = 2


@dataclass(frozen=True)
class TwentyFiveGaussians(GaussianMixture):
    """A grid of 5 x 5 Gaussians, 4/2.828 apart, standard deviation 0.1/2.828; no keys."""

    @cached_property
    def centres(self) -> Tensor:
        """The modes, (25, 2) float64, column by column from the lower left."""
        steps = torch.arange(-2, 3, dtype=torch.float64)
        return torch.cartesian_prod(steps, steps) * (SCALE * 2 / DIVISOR)

    @property
    def std(self) -> float:
        """The standard deviation of each mode."""
        return SCALE * 0.05 / DIVISOR

    @property
    def half_width(self) -> float:
        """The published box, [-2·scale, 2·scale]² with scale = 2."""
        return 4.0
