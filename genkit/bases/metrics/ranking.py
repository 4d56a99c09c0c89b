"""How well scores separate abnormal samples from normal ones, and intervals by bootstrap.

Everything is computed from counts: n_v normal and a_v abnormal samples with the v-th distinct score, in ascending
order, tensors (..., V). A sample is called abnormal if its score is at least a threshold, and abnormal samples are the
positives. A bootstrap replicate is another pair of counts, so equal scores stay equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.group_bootstrap import Group, counts_of_groups, numbered, own_groups
from genkit.core.estimate import Estimate
from genkit.core.noise import seed_of

REPLICATES = 1_000
"""Number of replicates of the bootstrap."""
BLOCK, BLOCK_NUMBERS = 50, 2**22  # most replicates that are made at a time, and most numbers in them
CONFIDENCE = 0.95

GroupsOfBoth = tuple[Sequence[Group] | None, Sequence[Group] | None]  # of the normal and of the abnormal samples

Statistic = Callable[[Tensor, Tensor], Tensor]
"""A number from the counts of normal and of abnormal samples at V ascending values: (..., V) twice -> (...)."""


def counts_of(normal: Tensor, abnormal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the counts of both sets, (V,) each, and the place of every score among the V, (N + A,)."""
    _, places = torch.cat([normal, abnormal]).unique(return_inverse=True)
    size = int(places.max()) + 1
    return _count(places[: len(normal)], size), _count(places[len(normal) :], size), places


def auroc(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return P(abnormal > normal) + ½ P(abnormal = normal), the area under the ROC curve: 0 to 1, ½ for chance.

    It is (U of Mann & Whitney) / (number of pairs): Hanley & McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747.
    """
    below = normal.cumsum(dim=-1) - normal
    wins = (abnormal * (below + 0.5 * normal)).sum(dim=-1)
    return wins / (normal.sum(dim=-1) * abnormal.sum(dim=-1))


def average_precision(normal: Tensor, abnormal: Tensor) -> Tensor:
    """Return Σ_k (recall_k - recall_{k-1})·precision_k over all thresholds, from the highest down: 0 to 1.

    It depends on the share of abnormal samples, which is its value for scores that say nothing. Counts (..., V) of both
    give (...).
    """
    true, false = (counts.flip(-1).cumsum(dim=-1) for counts in (abnormal, normal))
    precision = true / (true + false).clamp(min=1)
    return (abnormal.flip(-1) * precision).sum(dim=-1) / abnormal.sum(dim=-1)


def fpr_at_tpr(normal: Tensor, abnormal: Tensor, tpr: float) -> Tensor:
    """Return the share of normal samples called abnormal at the highest threshold that finds a share `tpr` or more.

    Counts (..., V) of both give (...), 0 to 1.
    """
    true, false = (counts.flip(-1).cumsum(dim=-1) for counts in (abnormal, normal))
    found = true >= tpr * true[..., -1:] - 1e-9  # 0.55 * 100 is a little above 55
    first = found.to(torch.uint8).argmax(dim=-1, keepdim=True)
    return (false.gather(-1, first) / false[..., -1:]).squeeze(-1)


def with_interval(
    statistic: Statistic, normal: Tensor, abnormal: Tensor, groups: GroupsOfBoth = (None, None)
) -> Estimate:
    """Return the statistic of two sets of scores, (N,) and (A,), with the percentile interval of a bootstrap.

    Each replicate draws N of the normal and A of the abnormal samples with replacement (Efron & Tibshirani 1993). With
    the groups of either set, it draws groups (`genkit.bases.metrics.group_bootstrap`); samples of the other set are
    then groups of their own. The seed is a function of N and A. A single sample or group of a set does not vary, so
    there is no interval then, nor where 95 % of the replicates are equal, as those of perfectly separated scores are.
    """
    of_normal, of_abnormal, places = counts_of(normal, abnormal)
    value = statistic(of_normal, of_abnormal).item()
    known = [
        own_groups(len(x), side) if of is None else of
        for side, (x, of) in enumerate(zip((normal, abnormal), groups, strict=True))
    ]
    if min(len(set(of)) for of in known) < 2:
        return Estimate(value, None)
    generator = torch.Generator().manual_seed(seed_of("bootstrap", len(normal), len(abnormal)))
    at = places[: len(normal)].numpy(), places[len(normal) :].numpy()
    if groups == (None, None):
        counts = _counts_of_samples(*at, len(of_normal), generator)
    else:
        numbers = numbered([*known[0], *known[1]])
        counts = counts_of_groups(*at, len(of_normal), numbers, REPLICATES, generator)
    replicates = torch.stack([statistic(*each) for each in counts])
    ends = torch.tensor([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], dtype=torch.float64)
    low, high = replicates.quantile(ends).tolist()
    return Estimate(value, (low, high))


def _counts_of_samples(
    normal: np.ndarray, abnormal: np.ndarray, size: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the counts of both sets in each replicate, (size,) float64 each. The arguments are the places of samples.

    Replicates are drawn in blocks, on which the random numbers depend, and counted one by one: the counts of one
    replicate fit in the cache of a core.
    """
    block = max(1, min(BLOCK, BLOCK_NUMBERS // (len(normal) + len(abnormal))))
    for start in range(0, REPLICATES, block):
        rows = min(block, REPLICATES - start)
        drawn = [torch.randint(len(at), (rows, len(at)), generator=generator).numpy() for at in (normal, abnormal)]
        for row in range(rows):
            of_normal, of_abnormal = (
                torch.from_numpy(np.bincount(at[places[row]], minlength=size)).double()
                for at, places in zip((normal, abnormal), drawn, strict=True)
            )
            yield of_normal, of_abnormal


def _count(places: Tensor, size: int) -> Tensor:
    return torch.bincount(places, minlength=size).double()
