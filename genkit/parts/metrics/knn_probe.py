"""k-nearest-neighbour probe: the accuracy of a vote of the nearest training codes (`genkit.bases.metrics.probe`).

Distances are Euclidean, of standardised codes, in float64. Each of the k nearest training samples has one vote; of
neighbours at equal distances those that are read first count. Of classes with equally many votes, that with the
smallest sum of distances wins, then the one with the lowest label. <https://arxiv.org/abs/2408.13805> has k = 5 and 100
and draws z ~ q(z|x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from genkit.api import Doc, LabelledCodes, PositiveInt, Probe

BLOCK_NUMBERS = 2**22  # most distances that are sorted together


@dataclass(frozen=True)
class KNNProbe(Probe):
    """Accuracy of labels of held-out data that the k nearest training codes predict, 0 to 1."""

    k: Annotated[PositiveInt, Doc("Number of nearest training samples that vote.")] = 5

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def settings(self) -> Mapping[str, str | int | float]:
        """The classifier and k."""
        return {"classifier": "nearest neighbours", "k": self.k}

    def check_samples_to_fit(self, number: int) -> None:
        """Raise `ValueError` unless there are k training samples, at least two."""
        super().check_samples_to_fit(number)
        if number < self.k:
            raise ValueError(f"k = {self.k} exceeds the {number} training samples that vote. Set k = {number} or less")

    def predict(self, codes: LabelledCodes) -> Tensor:
        """Return the class of each held-out sample, (N,)."""
        rows = max(1, BLOCK_NUMBERS // len(codes.fit))
        votes_of = one_hot(codes.fit_classes, codes.classes).double()  # (M, C)
        return torch.cat([self._vote(block, codes.fit, votes_of) for block in codes.test.split(rows)])

    def _vote(self, block: Tensor, fit: Tensor, votes_of: Tensor) -> Tensor:
        # Not by a matrix product, whose rounding would decide between equal distances.
        distances = torch.cdist(block, fit, compute_mode="donot_use_mm_for_euclid_dist")
        nearest = distances.sort(dim=1, stable=True)
        near, votes = nearest.values[:, : self.k], votes_of[nearest.indices[:, : self.k]]  # (b, k), (b, k, C)
        counts, sums = votes.sum(dim=1), (votes * near[:, :, None]).sum(dim=1)
        most = counts == counts.amax(dim=1, keepdim=True)
        return sums.masked_fill(~most, torch.inf).argmin(dim=1)
