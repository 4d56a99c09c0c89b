"""Divergence that is always zero, for the ablation D = 0 of a method that takes a divergence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from genkit.api import DiagNormal


@dataclass(frozen=True)
class Zero:
    """Zero for every sample, without a gradient: the other terms of the loss remain."""

    symmetric: ClassVar[bool] = True

    def __call__(self, p: DiagNormal, q: DiagNormal, /) -> Tensor:
        """Return zeros, (B,), in the dtype and on the device of `p`."""
        return p.mu.new_zeros(len(p.mu))
