"""Half a cosine between two values, flat at both ends.

Loshchilov & Hutter 2017, "SGDR: Stochastic Gradient Descent with Warm Restarts", equation 5, without restarts,
https://arxiv.org/abs/1608.03983.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class CosineSchedule:
    """From `start` at t = 0 to `stop` at t = 1."""

    start: float = 1.0
    stop: float = 0.0

    def __call__(self, t: float, /) -> float:
        """Return the value at progress `t`."""
        return self.stop + 0.5 * (self.start - self.stop) * (1 + math.cos(math.pi * t))
