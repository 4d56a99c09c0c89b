"""What every density has in common: it never ends, so nothing has to be read and nothing is ever seen twice."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from genkit.core.noise import Noise
from genkit.core.types import Samples


class DensitySet(ABC):
    """A data set that draws fresh points, (D,), from a known density."""

    @property
    @abstractmethod
    def half_width(self) -> float:
        """Half the side of the box [-w, w]^D in which histograms count; the mass outside it is negligible."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, (D,)."""

    @property
    def split(self) -> str:
        """There are no splits: every point is drawn for the first time."""
        return "drawn"

    @property
    def size(self) -> int | None:
        """None: the density never ends."""
        return None

    def unmet(self) -> tuple[str, ...]:
        """Nothing has to be had."""
        return ()

    def held_out(self) -> DensitySet:
        """Return the density itself: fresh points have never been trained on."""
        return self

    @abstractmethod
    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return one fresh point for each row of `noise`, (B, D), whatever the `indices`, (B,)."""
