"""How well maps agree with masks: the numbers of the metrics `pixel-auroc`, `pixel-auprc` and `dice`, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genkit.parts.metrics.pixel_ranking import (
    MaskedMaps,
    best_dice,
    dice,
    dice_above,
    edges_above,
    pixel_values,
    with_picture_interval,
)
from genkit.parts.metrics.ranking import auroc, average_precision


class PixelNumbers(NamedTuple):
    """How well maps agree with masks. The first four have intervals if there are two pictures or more."""

    auroc: float
    auprc: float
    best_dice: float  # over all thresholds
    dice: float  # at the threshold
    abnormal: float  # share of the pixels


def pixel_numbers(maps: np.ndarray, masks: np.ndarray, threshold: float, rows: int) -> PixelNumbers:
    """Return how well maps, (N, H, W) float32, agree with masks, (N, H, W) bool. They are read `rows` at a time."""

    def chunks() -> MaskedMaps:
        for start in range(0, len(maps), rows):
            yield np.asarray(maps[start : start + rows]), masks[start : start + rows]

    values = pixel_values(chunks(), maps.size)
    counts, levels = values.counts(), values.levels()
    area, precision, best = (
        with_picture_interval(each(*counts).item(), each, levels, chunks())
        for each in (auroc, average_precision, best_dice)
    )
    at_threshold = with_picture_interval(dice_above(values, threshold), dice, edges_above(threshold), chunks())
    return PixelNumbers(area, precision, best, at_threshold, values.share)
