"""The curriculum of AS-IntroVAE: c = 0 leaves the fakes to the distance between posteriors, c = 1 to their KL.

    c(t) = min(rate·t, end)          as Eq. 7, with rate = 5, end = 1 and t = i/T
    c(t) = min(tanh(rate·t), end)    as the published code, with the same

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE", equation 7,
https://arxiv.org/abs/2206.13903; https://github.com/LOUEY233/AS-IntroVAE. The two differ: at t = 0.2 the line has
arrived at 1 and the tanh stands at 0.76, and it stays below 1 (by 9e-5 at the end of a run).

Deviation from the published code, where the iteration is counted from 0 again after a resume, so that c starts anew: t
is the progress of a run, or of the part of it that is no warm-up, however often it was interrupted.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from genkit.api import Doc, PositiveFloat, UnitInterval

ANNEALS = {"linear": lambda along: along, "tanh": math.tanh}


@dataclass(frozen=True)
class CurriculumC:
    """From 0 at t = 0 towards 1."""

    anneal: Annotated[
        Literal["linear", "tanh"], Doc('"linear" is that of the paper, "tanh" that of the published code')
    ] = "linear"
    rate: Annotated[PositiveFloat, Doc("slope at t = 0; the linear one arrives at 1 at t = 1/rate")] = 5.0
    end: Annotated[UnitInterval, Doc("where it stops; below 1 the distance keeps a share of the game")] = 1.0

    def __call__(self, t: float, /) -> float:
        """Return c at progress `t`, in [0, end]."""
        # Eq. (7)
        return min(ANNEALS[self.anneal](self.rate * t), self.end)
