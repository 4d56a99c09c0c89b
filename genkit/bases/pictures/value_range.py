"""Range of the values of pictures, and the share of them that levels clip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genkit.bases.pictures.levels import Levels

MANY = 0.5  # a larger clipped share suggests that the levels are those of other pictures


@dataclass
class ValueRange:
    """Extremes of values in the units of the files, and numbers of values outside the levels."""

    least: float = math.inf
    most: float = -math.inf
    number: int = 0
    below: int = 0  # values that become black, though they differ from the low level
    above: int = 0

    @classmethod
    def of(cls, values: np.ndarray, levels: Levels) -> ValueRange:
        """Return the range of the values of one picture. Raises `BadPictureError` if it has no levels."""
        low, high = levels.limits(values)
        below, above = int((values < low).sum()), int((values > high).sum())
        return cls(float(values.min()), float(values.max()), values.size, below, above)

    def add(self, other: ValueRange) -> None:
        """Add the values of another picture."""
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.number += other.number
        self.below += other.below
        self.above += other.above

    @property
    def clips_many(self) -> bool:
        """Whether more than `MANY` of the values are clipped."""
        return self.below + self.above > MANY * self.number

    def describe(self) -> str:
        """Return ``-1024 to 3071; 12.5 % are below the levels, and 0.3 % above``."""
        below, above = (100 * each / self.number for each in (self.below, self.above))
        return f"{self.least:g} to {self.most:g}; {below:.3g} % are below the levels, and {above:.3g} % above"

    def as_dict(self) -> dict[str, Any]:
        """Return the extremes and the two shares, in 0..1."""
        shares = {"below": self.below / self.number, "above": self.above / self.number}
        return {"least": self.least, "most": self.most, **shares}
