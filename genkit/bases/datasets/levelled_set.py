"""Base class of picture sets whose values may have any range: 12 or 16 bits, or floats."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from genkit.bases.datasets.picture_keys import PercentilesKey, WindowKey
from genkit.bases.datasets.picture_set import PictureSet
from genkit.bases.pictures.levels import Levels


@dataclass(frozen=True, kw_only=True)
class LevelledSet(PictureSet):
    """Pictures whose levels the recipe may declare, by `window` or by `percentiles`.

    Raises `ValueError` for both keys, for no range, and for an empty crop.
    """

    window: WindowKey = None
    percentiles: PercentilesKey = None

    @cached_property
    def levels(self) -> Levels | None:
        """The values that become black and white; None without the keys."""
        declared = self.window is not None or self.percentiles is not None
        return Levels(self.window, self.percentiles) if declared else None
