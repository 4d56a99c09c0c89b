"""Curriculum of AS-IntroVAE: at c = 0 the distance between posteriors acts on the fakes, at c = 1 their KL.

    c(t) = min(rate·t, end)          Eq. 7, with rate = 5, end = 1 and t = i/T
    c(t) = min(tanh(rate·t), end)    the published code, with the same values

The two differ: at t = 0.2 the line has reached 1 and the tanh is 0.76, and the tanh stays below 1 (by 9e-5 at the end
of a run). In the loss `as-introvae`, t is the progress since the end of the warm-up, which without a warm-up is the
progress of the run.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE", equation 7,
<https://arxiv.org/abs/2206.13903>, with the code <https://github.com/LOUEY233/AS-IntroVAE>.

Deviation from the published code: that code counts iterations from 0 again after a resume, so c starts again. Here t
continues, however often a run is interrupted.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from genkit.api import Doc, PositiveFloat, UnitInterval

ANNEALS = {"linear": lambda along: along, "tanh": math.tanh}


@dataclass(frozen=True)
class CurriculumC:
    """Ramp that rises from 0 at t = 0 towards 1."""

    anneal: Annotated[
        Literal["linear", "tanh"],
        Doc('Shape of the ramp: "linear" as in the paper, or "tanh" as in the published code.'),
    ] = "linear"
    rate: Annotated[PositiveFloat, Doc("Slope at t = 0; the linear ramp reaches 1 at t = 1/rate.")] = 5.0
    end: Annotated[
        UnitInterval, Doc("Value that the ramp stops at, from 0 to 1; below 1 the distance keeps a weight to the end.")
    ] = 1.0

    def __call__(self, t: float, /) -> float:
        """Return c at progress `t`, in [0, end]."""
        # Eq. (7)
        return min(ANNEALS[self.anneal](self.rate * t), self.end)
