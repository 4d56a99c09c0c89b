"""How well maps agree with masks: the numbers of the metrics `pixel-auroc`, `pixel-auprc` and `dice`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from genkit.bases.metrics.picture_bootstrap import pixel_replicates, with_picture_interval
from genkit.bases.metrics.pixel_ranking import MaskedMaps, best_dice, dice, dice_above, edges_above, pixel_values
from genkit.bases.metrics.ranking import auroc, average_precision


class PixelNumbers(NamedTuple):
    """How well maps agree with masks. The first four have intervals if there are two pictures or more."""

    auroc: float
    auprc: float
    best_dice: float  # over all thresholds
    dice: float  # at the threshold
    abnormal: float  # share of the pixels


def pixel_numbers(
    maps: np.ndarray, masks: np.ndarray, threshold: float, rows: int, groups: Sequence[str] | None = None
) -> PixelNumbers:
    """Return how well maps, (N, H, W) float32, agree with masks, (N, H, W) bool.

    They are read three times, `rows` at a time: to sort the pixels, to count them at all levels, which gives three of
    the intervals, and to count them above the threshold. With the groups of the pictures, intervals are over groups.
    Raises `ValueError` as `pixel_values`.
    """

    def chunks() -> MaskedMaps:
        for start in range(0, len(maps), rows):
            yield np.asarray(maps[start : start + rows]), masks[start : start + rows]

    values = pixel_values(chunks(), maps.size)
    counts, marked = values.counts(), np.asarray(masks.any(axis=(1, 2)))
    replicates = pixel_replicates(chunks(), marked, values.levels(), groups)
    area, precision, best = (
        with_picture_interval(each(*counts).item(), each, replicates) for each in (auroc, average_precision, best_dice)
    )
    above = pixel_replicates(chunks(), marked, edges_above(threshold), groups)
    at_threshold = with_picture_interval(dice_above(values, threshold), dice, above)
    return PixelNumbers(area, precision, best, at_threshold, values.share)
