"""Synthetic samples of any shape, to try a recipe without its data.

    x_i = ½ + ½·cos( 2π·( k_i·p + φ_i,c ) )     one plane wave a picture; p in [0, 1]² the position, c the channel

The direction k_i and the phases φ_i,c depend only on the number i of the sample. The samples are smooth, like pictures,
and all different.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.api import LABEL, Doc, Noise, PositiveInt, Samples
from genkit.api.pictures import SplitKey

MAX_WAVES = 3  # along a side
GOLDEN, SILVER, BRONZE = (math.sqrt(5) - 1) / 2, math.sqrt(2) - 1, (math.sqrt(13) - 3) / 2  # multiples fill [0, 1)


@dataclass(frozen=True)
class StandIn:
    """Waves that replace the data of a recipe, as ``genkit run RECIPE --stand-in`` does.

    Raises `ValueError` unless a sample is a point, (D,), or an image, (C, H, W).
    """

    shape: Annotated[tuple[PositiveInt, ...], Doc("Shape of one sample: [D] for points, or [C, H, W] for images.")]
    size: Annotated[PositiveInt, Doc("Number of samples in each split.")] = 1024
    classes: Annotated[
        PositiveInt | None,
        Doc(
            "Number of classes: sample i of a split has the label i modulo this number. By default there are no labels."
        ),
    ] = None
    split: SplitKey = "train"

    def __post_init__(self) -> None:
        if len(self.shape) not in (1, 3):
            raise ValueError(f"shape = {list(self.shape)}; expected [D] for points or [C, H, W] for images")

    @property
    def is_placeholder(self) -> Literal[True]:
        """True: numbers about what the samples show mean nothing."""
        return True

    @property
    def labels_are_digits(self) -> bool:
        """True for the shape of MNIST, whose digits they replace to try a recipe: class k counts as the digit k."""
        return self.shape == (1, 28, 28)

    def unmet(self) -> tuple[str, ...]:
        """Return nothing: the samples are computed."""
        return ()

    def has_labels(self) -> Literal[True] | None:
        """Return True with classes, and None without.

        False would refuse runs that have a metric of labels, which only that metric has refused so far.
        """
        return None if self.classes is None else True

    def class_labels(self) -> Tensor | None:
        """Return the class of each sample, (size,) int64; None without classes."""
        return None if self.classes is None else torch.arange(self.size) % self.classes

    def class_names(self) -> tuple[str, ...]:
        """Return nothing: the classes have no names."""
        return ()

    def held_out(self) -> StandIn:
        """Return the test split: as many samples, all different from those of the train split."""
        return replace(self, split="test")

    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return the samples at `indices`, (B,), as (B, *shape) in [0, 1].

        With classes there is also ``extra["label"]``, (B,) int64.
        """
        number = indices.to(torch.float64) + (self.size if self.split == "test" else 0) + 1
        channels, height, width = self.shape if len(self.shape) == 3 else (self.shape[0], 1, 1)
        across, down = (MAX_WAVES * (2 * (number * step % 1) - 1) for step in (GOLDEN, SILVER))  # (B,)
        phase = number[:, None] * BRONZE + torch.arange(channels, dtype=torch.float64) / channels  # (B, C)
        y, x = torch.arange(height).double() / height, torch.arange(width).double() / width
        progress = down[:, None, None] * y[:, None] + across[:, None, None] * x  # k·p, (B, H, W)
        waves = 0.5 + 0.5 * torch.cos(2 * math.pi * (progress[:, None] + phase[:, :, None, None]))
        extra = {} if self.classes is None else {LABEL: (indices % self.classes).to(noise.device)}
        return Samples(waves.reshape(-1, *self.shape).to(noise.device, noise.dtype), extra)
