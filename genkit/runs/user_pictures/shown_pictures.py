"""The pictures that a picture of maps shows: those with the highest scores, or the first ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genkit.draw.anomaly_grid import ShownMaps


class _Kept(NamedTuple):
    """A picture that may be shown."""

    rank: tuple[float, int]  # the lowest are shown: minus the score, then the place
    name: str
    score: float
    tensors: tuple[Tensor, ...]  # input, reconstruction and map, and the mask if there is one


class ShownPictures:
    """At most `number` pictures, so memory does not grow with their number.

    They are those with the highest scores, in descending order and equal ones as they were added; with `first`, the
    first that were added. A score that is not a number is the lowest.
    """

    def __init__(self, number: int, *, first: bool = False):
        self._number, self._first = number, first
        self._kept: list[_Kept] = []
        self._seen = 0

    def add(
        self, names: Sequence[str], scores: Sequence[float], tensors: Sequence[Tensor], masks: np.ndarray | None
    ) -> None:
        """Consider the pictures of a chunk. `tensors` are inputs, reconstructions and maps, (b, ...) each."""
        every = [*tensors, *([torch.from_numpy(masks)] if masks is not None else [])]
        ranks = [(self._rank(score), self._seen + row) for row, score in enumerate(scores)]
        self._seen += len(names)
        limit = self._kept[-1].rank if len(self._kept) == self._number else (math.inf, self._seen)
        for row, rank in enumerate(ranks):
            if rank < limit:
                here = tuple(tensor[row].clone() for tensor in every)
                self._kept.append(_Kept(rank, names[row], scores[row], here))
        self._kept = sorted(self._kept, key=lambda kept: kept.rank)[: self._number]

    def shown(self) -> ShownMaps:
        """Return the pictures in the order in which they are shown."""
        inputs, outputs, maps, *masks = (
            torch.stack(each) for each in zip(*(k.tensors for k in self._kept), strict=True)
        )
        names, scores = [kept.name for kept in self._kept], [kept.score for kept in self._kept]
        return ShownMaps(inputs, outputs, maps, masks[0] if masks else None, names, scores)

    def _rank(self, score: float) -> float:
        return 0.0 if self._first else math.inf if math.isnan(score) else -score
