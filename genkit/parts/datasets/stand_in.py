"""Made-up samples of any shape, to try a recipe whose data are not at hand.

    x_i = ½ + ½·cos( 2π·( k_i·p + φ_i,c ) )     one plane wave a picture; p in [0, 1]² the position, c the channel

with a direction k_i and phases φ_i,c that depend on the number i of the sample alone. They are smooth, like pictures,
unlike one another, and of no other use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.noise import Noise
from genkit.core.types import Samples

WAVES = 3  # at most so many waves over a side
GOLDEN, SILVER, BRONZE = (math.sqrt(5) - 1) / 2, math.sqrt(2) - 1, (math.sqrt(13) - 3) / 2  # multiples fill [0, 1)


@dataclass(frozen=True)
class StandIn:
    """Waves in the place of data; `genkit run RECIPE --stand-in` puts them there.

    Raises `ValueError` unless a sample is a point, (D,), or an image, (C, H, W).
    """

    shape: Annotated[tuple[PositiveInt, ...], Doc("of one sample, (D,) or (C, H, W)")]
    size: Annotated[PositiveInt, Doc("samples of each split")] = 1024
    split: Literal["train", "test"] = "train"

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3):
            raise ValueError(f"shape = {list(self.shape)}; expected [D] for points or [C, H, W] for images")

    def unmet(self) -> tuple[str, ...]:
        """Nothing has to be had."""
        return ()

    def held_out(self) -> StandIn:
        """Return as many other samples."""
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the samples at `indices`, (B,), as (B, *shape) in [0, 1]."""
        number = indices.to(torch.float64) + (self.size if self.split == "test" else 0) + 1
        channels, height, width = self.shape if len(self.shape) == 3 else (self.shape[0], 1, 1)
        across, down = (WAVES * (2 * (number * step % 1) - 1) for step in (GOLDEN, SILVER))  # (B,)
        phase = number[:, None] * BRONZE + torch.arange(channels, dtype=torch.float64) / channels  # (B, C)
        y, x = torch.arange(height).double() / height, torch.arange(width).double() / width
        place = down[:, None, None] * y[:, None] + across[:, None, None] * x  # (B, H, W)
        waves = 0.5 + 0.5 * torch.cos(2 * math.pi * (place[:, None] + phase[:, :, None, None]))
        return Samples(waves.reshape(-1, *self.shape).to(noise.device, noise.dtype))
