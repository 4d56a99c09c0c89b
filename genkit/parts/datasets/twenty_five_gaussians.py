"""Twenty-five narrow Gaussians on a square grid, as published with Soft-IntroVAE.

    x = 2·(2·k + 0.05·ε) / 2.828,   k uniform on {-2, -1, 0, 1, 2}²,   ε ~ N(0, I)

so neighbouring modes stand 1.41443 apart, each with standard deviation 0.035361, and the outermost at 2.82885. The
division is that of Gulrajani et al. 2017, gan_toy.py of https://github.com/igul222/improved_wgan_training; the factor
2 in front is the `scale=2` of the published `ToyDataset`.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`ToyDataset.next_batch`. Deviation: there a batch is one of the contiguous slices of a pool of 100,000 points, 4,000 of
each mode, shuffled once, so that the same batches return; here every point is fresh and its mode is drawn for itself.
The box is that of the training function's own `scale=1`, times the `range=2` of this density; the command line, whose
help does not offer this density, would double it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from genkit.parts.datasets.base.mixture import GaussianMixture

DIVISOR = 2.828  # not 2√2: the published code rounds it
SCALE = 2


@dataclass(frozen=True)
class TwentyFiveGaussians(GaussianMixture):
    """A grid of 5 x 5 Gaussians, 4/2.828 apart, std 0.1/2.828; it takes no keys."""

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
