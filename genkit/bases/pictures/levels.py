"""Levels: the range of values of a file that becomes the range from black to white.

    x = clamp( (v - low) / (high - low), 0, 1 )          v a value of the file, x what the network sees

`window` declares low and high, the same for all pictures. `percentiles` finds them in each picture, as is usual for
scanners without a unit (MRI); numbers of two such pictures cannot be compared. All channels of a picture share them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from genkit.bases.pictures.bad_pictures import BadPictureError


@dataclass(frozen=True)
class Levels:
    """A declared range of values, or the percentiles of each picture that are its range.

    Raises `ValueError` unless exactly one of the two is given, and is a range.
    """

    window: tuple[float, float] | None = None
    percentiles: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.window is not None and self.percentiles is not None:
            raise ValueError("window and percentiles: both are given. Keep the one that fits the pictures")
        key, (low, high) = ("window", self.window) if self.window is not None else ("percentiles", self._percentiles)
        if not low < high or not math.isfinite(high - low):
            raise ValueError(f"{key} = [{low:g}, {high:g}]; expected [low, high] with low < high, both finite")
        if key == "percentiles" and not (low >= 0 and high <= 100):
            raise ValueError(f"percentiles = [{low:g}, {high:g}]; expected two numbers in 0..100, such as [1, 99]")

    @property
    def _percentiles(self) -> tuple[float, float]:
        if self.percentiles is None:
            raise ValueError("neither window nor percentiles is given")
        return self.percentiles

    def limits(self, values: np.ndarray) -> tuple[float, float]:
        """Return the values that become black and white in a picture with these values, of any shape.

        Raises `BadPictureError` if they are equal.
        """
        if self.window is not None:
            return self.window
        low, high = map(float, np.percentile(values, self._percentiles))
        if not low < high:
            one, other = self._percentiles
            raise BadPictureError(f"its percentiles {one:g} and {other:g} are both {low:g}, so it has no contrast")
        return low, high

    @staticmethod
    def fractions(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
        """Return values of a file, finite float64 of any shape, as float64 in [0, 1]; `limits` become 0 and 1."""
        low, high = limits
        return np.clip((values - low) / (high - low), 0, 1)

    def __str__(self) -> str:
        """Return ``window [-1000, 1000]``."""
        name, (low, high) = ("window", self.window) if self.window is not None else ("percentiles", self._percentiles)
        return f"{name} [{low:g}, {high:g}]"
