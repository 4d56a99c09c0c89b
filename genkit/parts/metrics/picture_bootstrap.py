"""Intervals of statistics of pixels, by a bootstrap of pictures.

The interval is the 95 % percentile interval of 1,000 bootstrap replicates of *pictures*, since the pixels of a picture
are not independent; pictures with and without an abnormal pixel are drawn apart, so every replicate has as many of
each. A replicate counts pixels between at most `LEVELS` values, quantiles of the normal and of the abnormal pixels, so
the ends of the interval of AUROC, AUPRC and best Dice are approximate; the number itself is not. For more than 16,376
pictures there are fewer values, so that the counts of all pictures stay within `NUMBERS` numbers, 256 MiB.

A replicate in which a class has no pixel is left out, since its AUROC is 0/0: only pictures that are abnormal all over
were drawn. The probability of that is at most (1 - 1/N)^N < 37 % for N pictures with an abnormal pixel, if one of
them has a normal one too. With fewer than `FEWEST` replicates there is no interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genkit.core.estimate import Estimate
from genkit.core.noise import seed_of
from genkit.parts.metrics.pixel_ranking import MaskedMaps
from genkit.parts.metrics.ranking import BLOCK, CONFIDENCE, REPLICATES, Statistic

FEWEST = REPLICATES // 2  # replicates that give an interval
ROWS = 1024  # pictures whose counts are float64 at a time


class PictureCounts(NamedTuple):
    """The numbers of normal and of abnormal pixels of each picture between V ascending edges."""

    normal: Tensor  # (N, V + 1) int32
    abnormal: Tensor  # (N, V + 1) int32


def picture_counts(chunks: MaskedMaps, pictures: int, edges: np.ndarray) -> PictureCounts:
    """Count the pixels of `pictures` pictures between edges, (V,) float32. A pixel at an edge is above it."""
    size, start = len(edges) + 1, 0
    counts = PictureCounts(*(torch.zeros(pictures, size, dtype=torch.int32) for _ in range(2)))
    for maps, masks in chunks:
        places = np.searchsorted(edges, maps, "right") + np.arange(len(maps))[:, None, None] * size
        for found, chosen in zip(counts, (~masks, masks), strict=True):
            of_chunk = np.bincount(places[chosen], minlength=len(maps) * size).reshape(len(maps), size)
            found[start : start + len(maps)] = torch.from_numpy(of_chunk)
        start += len(maps)
    return counts


def with_picture_interval(value: float, statistic: Statistic, counts: PictureCounts) -> float:
    """Return the value of a statistic, with the interval of a bootstrap of pictures.

    The statistic of a replicate is that of the counts of its pixels. There is no interval for a single picture, and for
    fewer than `FEWEST` replicates in which both classes have a pixel.
    """
    number = len(counts.normal)
    if number < 2:
        return value
    generator = torch.Generator().manual_seed(seed_of("pixel bootstrap", number))
    marked = (counts.abnormal > 0).any(dim=1)
    groups = [group for group in (marked.nonzero().flatten(), (~marked).nonzero().flatten()) if len(group)]
    replicates = []
    for start in range(0, REPLICATES, BLOCK):
        rows = min(BLOCK, REPLICATES - start)
        weights = torch.zeros(rows, number, dtype=torch.float64)
        for group in groups:
            drawn = group[torch.randint(len(group), (rows, len(group)), generator=generator)]
            weights.scatter_add_(1, drawn, torch.ones_like(drawn).double())
        normal, abnormal = _weighted(weights, counts.normal), _weighted(weights, counts.abnormal)
        both = (normal > 0).any(dim=1) & (abnormal > 0).any(dim=1)
        replicates.append(statistic(normal[both], abnormal[both]))
    found = torch.cat(replicates)
    if len(found) < FEWEST:
        return value
    ends = torch.tensor([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], dtype=torch.float64)
    low, high = found.quantile(ends).tolist()
    return Estimate(value, (low, high))


def _weighted(weights: Tensor, counts: Tensor) -> Tensor:
    """Return weights @ counts, float64; it is exact, since both are whole numbers."""
    total = torch.zeros(len(weights), counts.shape[1], dtype=torch.float64)
    for part, rows in zip(weights.split(ROWS, dim=1), counts.split(ROWS), strict=True):
        total += part @ rows.double()
    return total
