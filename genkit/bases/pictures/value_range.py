"""Range of the values of pictures, and the share of them that levels clip."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genkit.bases.pictures.levels import Levels

MANY = 0.5  # a larger clipped share suggests that the levels are those of other pictures
NARROW = 0.1  # values that fill a smaller share of a window do so, too: 8 bits in a window of 16 bits


@dataclass
class ValueRange:
    """Extremes of values in the units of the files, and numbers of values outside the levels."""

    least: float = math.inf
    most: float = -math.inf
    number: int = 0
    below: int = 0  # values that become black, though they differ from the low level
    above: int = 0
    pictures: int = 0
    flat: int = 0  # pictures that clipping makes one constant

    @classmethod
    def of(cls, values: np.ndarray, limits: tuple[float, float]) -> ValueRange:
        """Return the range of the values of one picture, whose levels are `limits`."""
        low, high = limits
        below, above = int((values < low).sum()), int((values > high).sum())
        least, most = float(values.min()), float(values.max())
        flat = below + above > 0 and (most <= low or least >= high)
        return cls(least, most, values.size, below, above, 1, int(flat))

    def add(self, other: ValueRange) -> None:
        """Add the values of another picture."""
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.number += other.number
        self.below += other.below
        self.above += other.above
        self.pictures += other.pictures
        self.flat += other.flat

    @property
    def clipped(self) -> float:
        """The share of the values that are clipped, 0 to 1."""
        return (self.below + self.above) / self.number

    @property
    def clips_many(self) -> bool:
        """Whether more than `MANY` of the values are clipped."""
        return self.clipped > MANY

    @property
    def all_flat(self) -> bool:
        """Whether clipping makes every picture one constant."""
        return self.flat == self.pictures > 0

    def filled(self, levels: Levels) -> float:
        """Return the share of the window that lies between the extremes, 0 to 1; 1 for percentiles."""
        if levels.window is None:
            return 1.0
        low, high = levels.window
        return max(0.0, min(self.most, high) - max(self.least, low)) / (high - low)

    def remark(self, levels: Levels) -> str:
        """Return why the levels may be those of other pictures; empty if nothing suggests that."""
        if self.clips_many:
            return f"{self.clipped:.3g} of the values, {self.least:g} to {self.most:g}, are outside {levels}"
        if self.number and (filled := self.filled(levels)) < NARROW:
            return f"the values, {self.least:g} to {self.most:g}, fill a share of {filled:.2g} of {levels}"
        return ""

    def describe_flat(self) -> str:
        """Return the problem and the remedy where every picture is flat."""
        return (
            f"all values, {self.least:g} to {self.most:g}, are outside the levels, so every picture is black or white. "
            "Set window or percentiles to the range of the values."
        )

    def describe(self) -> str:
        """Return ``-1024 to 3071; 12.5 % are below the levels, and 0.3 % above``."""
        below, above = (100 * each / self.number for each in (self.below, self.above))
        return f"{self.least:g} to {self.most:g}; {below:.3g} % are below the levels, and {above:.3g} % above"

    def as_dict(self) -> dict[str, Any]:
        """Return the extremes, the two shares, in 0..1, and the number of pictures that become one constant."""
        shares = {"below": self.below / self.number, "above": self.above / self.number}
        return {"least": self.least, "most": self.most, **shares, "flat": self.flat}


@dataclass
class ReadValues:
    """The range of the values of the pictures that were read so far; a picture that is read again counts once."""

    values: ValueRange | None = None
    upto: int = 0  # pictures are read in order

    def add(self, index: int, values: ValueRange | None) -> None:
        """Count the values of the picture at `index`; None without levels."""
        if values is not None and index >= self.upto:
            self.values, self.upto = self.values or ValueRange(), index + 1
            self.values.add(values)
