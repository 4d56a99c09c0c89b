"""Intervals of statistics of pixels, by a bootstrap of pictures.

The interval is the 95 % percentile interval of 1,000 bootstrap replicates of *pictures*, since the pixels of a picture
are not independent; pictures with and without an abnormal pixel are drawn apart, so every replicate has as many of
each. A replicate counts pixels between at most `LEVELS` values, quantiles of the normal and of the abnormal pixels, so
the ends of the interval of AUROC, AUPRC and best Dice are approximate; the number itself is not.

Memory holds how often each replicate draws each picture, 1 kB a picture, and the counts of the replicates, 33 MB.

A replicate in which a class has no pixel is left out, since its AUROC is 0/0: only pictures that are abnormal all over
were drawn. The probability of that is at most (1 - 1/N)^N < 37 % for N pictures with an abnormal pixel, if one of
them has a normal one too. With fewer than `FEWEST` replicates there is no interval, nor with equal ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.group_bootstrap import Group, drawn_groups, kinds_of, numbered
from genkit.bases.metrics.pixel_ranking import MaskedMaps
from genkit.bases.metrics.ranking import BLOCK, CONFIDENCE, REPLICATES, Statistic
from genkit.core.estimate import Estimate
from genkit.core.noise import seed_of

FEWEST = REPLICATES // 2  # replicates that give an interval


class PixelReplicates(NamedTuple):
    """The numbers of normal and of abnormal pixels between V ascending edges, in R bootstrap replicates."""

    normal: Tensor
    """Counts of the normal pixels, (R, V + 1) float64."""
    abnormal: Tensor
    """Counts of the abnormal pixels, (R, V + 1) float64."""


def pixel_replicates(
    chunks: MaskedMaps, marked: np.ndarray, edges: np.ndarray, groups: Sequence[Group] | None = None
) -> PixelReplicates:
    """Count the pixels of bootstrap replicates of pictures between edges, (V,) float32; a single picture has none.

    `marked`, (N,) bool, says which pictures have an abnormal pixel. With the groups of the pictures, groups are drawn
    (`genkit.bases.metrics.group_bootstrap`); a single group has no replicates.
    """
    weights = _draw(torch.from_numpy(marked)) if groups is None else _draw_groups(torch.from_numpy(marked), groups)
    sums = PixelReplicates(*(torch.zeros(len(weights), len(edges) + 1, dtype=torch.float64) for _ in range(2)))
    start = 0
    for maps, masks in chunks:
        of_chunk = weights[:, start : start + len(maps)].double()
        for total, counts in zip(sums, counts_between(maps, masks, edges), strict=True):
            total += of_chunk @ counts.double()  # exact: all are whole numbers
        start += len(maps)
    return sums


def counts_between(maps: np.ndarray, masks: np.ndarray, edges: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the numbers of normal and of abnormal pixels of each picture between edges, (b, V + 1) int64 each.

    A pixel at an edge counts with those above it.
    """
    size = len(edges) + 1
    places = np.searchsorted(edges, maps, "right") + np.arange(len(maps))[:, None, None] * size
    normal, abnormal = (
        torch.from_numpy(np.bincount(places[chosen], minlength=len(maps) * size).reshape(len(maps), size))
        for chosen in (~masks, masks)
    )
    return normal, abnormal


def _draw(marked: Tensor) -> Tensor:
    """Return how often each replicate draws each picture, (R, N) uint8: a count above 255 has a chance of 1e-500."""
    number = len(marked)
    generator = torch.Generator().manual_seed(seed_of("pixel bootstrap", number))
    groups = [group for group in (marked.nonzero().flatten(), (~marked).nonzero().flatten()) if len(group)]
    weights = torch.zeros(REPLICATES if number > 1 else 0, number, dtype=torch.uint8)
    for rows in weights.split(BLOCK):
        for group in groups:
            drawn = group[torch.randint(len(group), (len(rows), len(group)), generator=generator)]
            rows.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.uint8))
    return weights


def _draw_groups(marked: Tensor, groups: Sequence[Group]) -> Tensor:
    """Return how often each replicate draws the group of each picture, (R, N) int32."""
    numbers = numbered(groups)
    kinds = kinds_of(numbers, marked)
    generator = torch.Generator().manual_seed(seed_of("pixel bootstrap", len(marked)))
    rows = REPLICATES if len(numbers.unique()) > 1 else 0
    return drawn_groups(kinds, rows, generator).int()[:, numbers]


def with_picture_interval(value: float, statistic: Statistic, replicates: PixelReplicates) -> float:
    """Return the value of a statistic, with its interval over the replicates in which both classes have a pixel.

    There is no interval for fewer than `FEWEST` of these.
    """
    found = []
    for normal, abnormal in zip(replicates.normal.split(BLOCK), replicates.abnormal.split(BLOCK), strict=True):
        both = (normal > 0).any(dim=1) & (abnormal > 0).any(dim=1)
        found.append(statistic(normal[both], abnormal[both]))
    values = torch.cat(found)
    if len(values) < FEWEST:
        return value
    ends = torch.tensor([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], dtype=torch.float64)
    low, high = values.quantile(ends).tolist()
    return Estimate(value, (low, high))
