"""Bootstrap of groups, such as patients: their samples are not independent, so a group is drawn as a whole.

A replicate draws as many groups as there are, with replacement (Field & Welsh 2007,
https://doi.org/10.1111/j.1467-9868.2007.00593.x). Groups of different kinds are drawn apart, so that every replicate
has as many of each kind: groups with normal samples, with abnormal ones, and with both. With groups of one sample each,
it is the bootstrap of samples. A kind of a single group would be in every replicate, as if it did not vary; then all
groups are drawn together, and replicates without normal or without abnormal samples are drawn again.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

Group = Hashable


def own_groups(number: int, of: object) -> list[Group]:
    """Return a group for each of `number` samples that are independent; those of another `of` are different."""
    return [(of, place) for place in range(number)]


def numbered(groups: Sequence[Group]) -> Tensor:
    """Return the number of the group of each sample, (N,) int64, in the order in which the groups first appear."""
    numbers: dict[Group, int] = {}
    return torch.tensor([numbers.setdefault(group, len(numbers)) for group in groups], dtype=torch.int64)


def kinds_of(numbers: Tensor, marked: Tensor) -> list[Tensor]:
    """Return the groups that are drawn together: of each kind those of whose samples all, some or none are marked.

    `numbers`, (N,) int64, are the groups of the samples, and `marked`, (N,) bool. The numbers of the groups are in
    ascending order. If a kind has a single group, all groups are drawn together.
    """
    size = int(numbers.max()) + 1
    with_marked, with_other = (torch.bincount(numbers[chosen], minlength=size) > 0 for chosen in (marked, ~marked))
    kinds = (with_marked & ~with_other, with_marked & with_other, ~with_marked)
    if any(kind.sum() == 1 for kind in kinds):
        return [torch.arange(size)]
    return [kind.nonzero().flatten() for kind in kinds if kind.any()]


def drawn_groups(kinds: Sequence[Tensor], rows: int, generator: torch.Generator) -> Tensor:
    """Return how often each of `rows` replicates draws each group, (rows, G) int64."""
    size = sum(map(len, kinds))
    found = torch.zeros(rows, size, dtype=torch.int64)
    for kind in kinds:
        drawn = kind[torch.randint(len(kind), (rows, len(kind)), generator=generator)]
        found.scatter_add_(1, drawn, torch.ones_like(drawn))
    return found


def counts_of_groups(
    normal: np.ndarray, abnormal: np.ndarray, size: int, numbers: Tensor, replicates: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the counts of normal and of abnormal samples with each of `size` values, (size,) float64, per replicate.

    `normal` and `abnormal`, (N,) and (A,), are the places of the samples among the values, and `numbers`, (N + A,),
    the groups of the normal samples and then of the abnormal ones.
    """
    marked = torch.arange(len(numbers)) >= len(normal)
    kinds, of_sample = kinds_of(numbers, marked), numbers.numpy()
    for _ in range(replicates):
        of_both = [np.zeros(len(normal)), np.zeros(len(abnormal))]
        while not all(times.any() for times in of_both):
            of_both = np.split(drawn_groups(kinds, 1, generator)[0].numpy()[of_sample], [len(normal)])
        parts = zip((normal, abnormal), of_both, strict=True)
        of_normal, of_abnormal = (torch.from_numpy(np.bincount(at, times, size)) for at, times in parts)
        yield of_normal, of_abnormal
