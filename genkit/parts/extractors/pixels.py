"""Extractor whose features are the sample itself, for points and for metrics without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pixels:
    """Extractor that flattens a sample of any shape."""

    @property
    def name(self) -> str:
        """The name of the features."""
        return "pixels"

    @property
    def digest(self) -> str:
        """Empty: there are no weights."""
        return ""

    def unmet(self) -> tuple[str, ...]:
        """Return nothing: no files are needed."""
        return ()

    def resize(self, shape: tuple[int, ...]) -> str:
        """Return an empty description: samples are not resized."""
        return ""

    def width(self, shape: tuple[int, ...]) -> int:
        """Return the number of coordinates of a sample."""
        return math.prod(shape)

    def __call__(self, x: Tensor, /) -> Tensor:
        """Return x, (B, *shape), flattened to (B, F)."""
        return x.flatten(1)
