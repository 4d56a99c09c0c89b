"""Adam and AdamW, fused: one kernel updates all parameters of a network.

Kingma & Ba 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov & Hutter 2019, <https://arxiv.org/abs/1711.05101>.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch.nn import Parameter

from genkit.api import Doc, NonNegativeFloat, NonNegativeSchedule, PositiveFloat


@dataclass(frozen=True)
class Adam:
    """Adam, with the defaults of `torch.optim.Adam`."""

    lr: Annotated[NonNegativeSchedule, Doc("Learning rate.")]
    betas: Annotated[
        tuple[Annotated[float, Interval(ge=0, lt=1)], Annotated[float, Interval(ge=0, lt=1)]],
        Doc("Decay rates of the running means of the gradient and of its square, each from 0 on and below 1."),
    ] = (0.9, 0.999)
    eps: Annotated[PositiveFloat, Doc("Number added to the denominator of the update, for numerical stability.")] = 1e-8
    clip_norm: Annotated[
        PositiveFloat | None, Doc("Euclidean norm that the gradient of the network is clipped to; none by default.")
    ] = None

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a fused `torch.optim.Adam`."""
        return torch.optim.Adam(parameters, lr=self.lr(0.0), betas=self.betas, eps=self.eps, fused=True)


@dataclass(frozen=True)
class AdamW:
    """AdamW: Adam with decoupled weight decay, with the defaults of `torch.optim.AdamW`."""

    lr: Annotated[NonNegativeSchedule, Doc("Learning rate.")]
    betas: Annotated[
        tuple[Annotated[float, Interval(ge=0, lt=1)], Annotated[float, Interval(ge=0, lt=1)]],
        Doc("Decay rates of the running means of the gradient and of its square, each from 0 on and below 1."),
    ] = (0.9, 0.999)
    eps: Annotated[PositiveFloat, Doc("Number added to the denominator of the update, for numerical stability.")] = 1e-8
    weight_decay: Annotated[
        NonNegativeFloat, Doc("Decay of the weights: each step shrinks them by the factor 1 - lr·weight_decay.")
    ] = 0.01
    clip_norm: Annotated[
        PositiveFloat | None, Doc("Euclidean norm that the gradient of the network is clipped to; none by default.")
    ] = None

    def build(self, parameters: Sequence[Parameter]) -> torch.optim.Optimizer:
        """Return a fused `torch.optim.AdamW`."""
        return torch.optim.AdamW(
            parameters, lr=self.lr(0.0), betas=self.betas, eps=self.eps, weight_decay=self.weight_decay, fused=True
        )
