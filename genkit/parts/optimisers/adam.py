"""Adam and AdamW, fused: one kernel for all parameters of a child.

Kingma & Ba 2015, https://arxiv.org/abs/1412.6980; Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn import Parameter

from genkit.core.field_types import NonNegativeFloat, PositiveFloat, UnitInterval
from genkit.core.types import Schedule


@dataclass(frozen=True)
class Adam:
    """Adam with torch's defaults; `lr` may be a schedule, `clip_norm` bounds the norm of the child's gradient."""

    lr: Schedule
    betas: tuple[UnitInterval, UnitInterval] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    clip_norm: PositiveFloat | None = None

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a fused `torch.optim.Adam`."""
        return torch.optim.Adam(parameters, lr=self.lr(0.0), betas=self.betas, eps=self.eps, fused=True)


@dataclass(frozen=True)
class AdamW:
    """AdamW with torch's defaults."""

    lr: Schedule
    betas: tuple[UnitInterval, UnitInterval] = (0.9, 0.999)
    eps: PositiveFloat = 1e-8
    weight_decay: NonNegativeFloat = 0.01
    clip_norm: PositiveFloat | None = None

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a fused `torch.optim.AdamW`."""
        return torch.optim.AdamW(
            parameters, lr=self.lr(0.0), betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )
