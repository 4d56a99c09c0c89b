"""How well the pixels of maps separate abnormal pixels from normal ones, all pixels of a set of pictures together.

    AUROC, AUPRC    as of samples (`genkit.bases.metrics.ranking`), with pixels in their place
    Dice            2·TP / (2·TP + FP + FN) of the pixels above a threshold; the best one is over all thresholds

The numbers are exact: pixels are sorted, and equal values stay equal. This takes 4 bytes a pixel besides the maps, so
at most `MOST` pixels are accepted. Maps are float32.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.threshold import samples_above

MOST = 2**28  # pixels: 16,384 maps of 128 x 128, which take 1 GiB
LEVELS = 2048

MaskedMaps = Iterable[tuple[np.ndarray, np.ndarray]]  # maps, (b, H, W) float32, and their masks, (b, H, W) bool


def best_dice(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return the largest Dice coefficient over all thresholds: 0 to 1. The arguments are counts, (..., V) each."""
    true, false = (counts.flip(-1).cumsum(dim=-1) for counts in (abnormal, normal))
    return (2 * true / (true + false + true[..., -1:])).amax(dim=-1)


def dice(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return the Dice coefficient where the pixels of the last of two values are called abnormal: (..., 2) -> (...)."""
    true, false = abnormal[..., -1], normal[..., -1]
    return 2 * true / (true + false + abnormal.sum(dim=-1))


@dataclass(frozen=True)
class PixelValues:
    """The values of all pixels of a set, in ascending order."""

    normal: np.ndarray
    """Values of the normal pixels, float32."""
    abnormal: np.ndarray
    """Values of the abnormal pixels, float32."""

    @property
    def share(self) -> float:
        """The share of abnormal pixels."""
        return len(self.abnormal) / (len(self.normal) + len(self.abnormal))

    def counts(self) -> tuple[Tensor, Tensor]:
        """Return the counts of normal and of abnormal pixels, (V,) float64, at ascending values.

        The values are those of abnormal pixels; all normal pixels between two of them count as one value, which changes
        no statistic of ranks.
        """
        values, abnormal = np.unique(self.abnormal, return_counts=True)
        below, upto = (np.searchsorted(self.normal, values, side) for side in ("left", "right"))
        ends = np.stack([below, upto], axis=1).ravel()  # of the gap below each value, and of the value
        normal = np.diff(ends, prepend=0, append=len(self.normal))
        paired = np.zeros(len(normal), np.int64)
        paired[1::2] = abnormal
        return torch.from_numpy(normal).double(), torch.from_numpy(paired).double()

    def levels(self) -> np.ndarray:
        """Return at most `LEVELS` ascending values, (V,) float32, quantiles of both classes."""
        both = (self.normal, self.abnormal)
        picked = [values[np.linspace(0, len(values) - 1, LEVELS // 2).astype(int)] for values in both]
        return np.unique(np.concatenate(picked))


def pixel_values(chunks: MaskedMaps, total: int) -> PixelValues:
    """Return the values of all pixels of maps, which have `total` pixels together.

    Raises `ValueError` for more than `MOST` pixels, for a map that is not finite, and unless some pixels are abnormal
    and some are normal.
    """
    require_few_pixels(total)
    values, below, above = np.empty(total, np.float32), 0, total
    for maps, masks in chunks:
        require_finite(maps)
        normal, abnormal = maps[~masks], maps[masks]
        values[below : below + len(normal)] = normal
        values[above - len(abnormal) : above] = abnormal
        below, above = below + len(normal), above - len(abnormal)
    if below == 0 or above == total:
        every = "abnormal" if below == 0 else "normal"
        raise ValueError(f"all pixels are {every} by the masks, and both classes are needed")
    values[:below].sort()
    values[below:].sort()
    return PixelValues(values[:below], values[below:])


def require_few_pixels(total: int) -> None:
    """Raise `ValueError` for more than `MOST` pixels."""
    if total > MOST:
        raise ValueError(
            f"{total:,} pixels, more than the {MOST:,} that are sorted in memory. Use fewer or smaller pictures"
        )


def require_finite(maps: np.ndarray) -> None:
    """Raise `ValueError` unless all values are finite."""
    if not np.isfinite(maps).all():
        raise ValueError("some values of the maps are not finite")


def pixel_threshold(maps: Iterable[np.ndarray], total: int, fpr: float) -> float:
    """Return the lowest value of a normal pixel such that at most a share `fpr` of the normal pixels is above it.

    `maps` are those of normal pictures, chunks (b, H, W) float32 with `total` pixels together. Raises `ValueError` for
    more than `MOST` pixels, for values that are not finite, and for a share of less than one pixel.
    """
    require_few_pixels(total)
    place = total - 1 - samples_above(total, fpr)
    values, start = np.empty(total, np.float32), 0
    for chunk in maps:
        require_finite(chunk)
        values[start : start + chunk.size] = chunk.ravel()
        start += chunk.size
    values.partition(place)
    return float(values[place])


def dice_above(values: PixelValues, threshold: float) -> float:
    """Return the Dice coefficient of the pixels above a threshold, which is a float32."""
    counts = []
    for pixels in (values.normal, values.abnormal):
        below = int(np.searchsorted(pixels, np.float32(threshold), "right"))
        counts.append(torch.tensor([below, len(pixels) - below], dtype=torch.float64))
    return dice(*counts).item()


def edges_above(threshold: float) -> np.ndarray:
    """Return the one edge, (1,) float32, between the float32 values up to a threshold and those above it."""
    return np.nextafter(np.array([threshold], np.float32), np.float32(np.inf))
