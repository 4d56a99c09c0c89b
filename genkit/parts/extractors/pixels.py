"""No features but the sample itself: for points, for closed forms, and where no network is to have a say."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """The coordinates of a sample of any shape, flattened."""

    @property
    def name(self) -> str:
        """What these features are called."""
        return "pixels"

    @property
    def digest(self) -> str:
        """There are no weights."""
        return ""

    def unmet(self) -> tuple[str, ...]:
        """Nothing is needed."""
        return ()

    def resize(self, shape: tuple[int, ...]) -> str:
        """Every sample is read as it is."""
        return ""

    def width(self, shape: tuple[int, ...]) -> int:
        """Return the number of coordinates of a sample."""
        return math.prod(shape)

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return x, (B, *shape), as (B, F)."""
        return x.flatten(1)
