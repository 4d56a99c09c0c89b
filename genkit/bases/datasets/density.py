"""Base class of densities: data sets without an end, which read nothing and never repeat a point."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from genkit.core.dataset import Samples
from genkit.core.noise import Noise


class DensitySet(ABC):
    """A data set that draws fresh points, (D,), from a known density."""

    @property
    @abstractmethod
    def half_width(self) -> float:
        """Half the side w of the box [-w, w]^D in which histograms count; the mass outside it is negligible."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """The shape of one point, (D,)."""

    @property
    def split(self) -> str:
        """Always "drawn": a density has no splits, since every point is new."""
        return "drawn"

    @property
    def size(self) -> int | None:
        """None: a density has no end."""
        return None

    def unmet(self) -> tuple[str, ...]:
        """Return nothing: a density needs no files."""
        return ()

    def held_out(self) -> DensitySet:
        """Return the density itself: no model was trained on its fresh points."""
        return self

    @abstractmethod
    def batch(self, indices: Tensor, noise: Noise) -> Samples:
        """Return one fresh point for each row of `noise`, (B, D); `indices`, (B,), has no effect."""
