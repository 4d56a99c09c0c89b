"""Schedule along half a cosine, flat at both ends.

Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without restarts,
<https://arxiv.org/abs/1608.03983>.
"""

import math
from dataclasses import dataclass
from typing import Annotated

from genkit.api import Doc


@dataclass(frozen=True)
class CosineSchedule:
    """Half a cosine from `start` to `stop`: stop + ½·(start - stop)·(1 + cos(πt))."""

    start: Annotated[float, Doc("Value at t = 0.")] = 1.0
    stop: Annotated[float, Doc("Value at t = 1.")] = 0.0

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        return self.stop + 0.5 * (self.start - self.stop) * (1 + math.cos(math.pi * t))
