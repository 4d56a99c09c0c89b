"""No divergence at all: the ablation D = 0 of a method that has one among its fields."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from genkit.core.types import DiagNormal


@dataclass(frozen=True)
class Zero:
    """Zero for every sample, with no gradient. What remains of a loss is what its other terms do."""

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return zeros, (B,), in the dtype and on the device of `p`."""
        return p.mu.new_zeros(len(p.mu))
