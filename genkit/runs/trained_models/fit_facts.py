"""What a model folder with a fitted prior says of the fit, and of the prior that it replaces."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

from torch import Tensor

from genkit.core.prior import Prior
from genkit.recipe.installed.registry import FAILURES
from genkit.runs.trained_models.fit_mixture import mean_log_likelihood


@dataclass(frozen=True)
class EarlierPrior:
    """The prior that a fit replaces. Log-likelihoods are means over the codes of the fit, in nats."""

    description: str
    log_likelihood: float
    held_out_log_likelihood: float | None  # None if the data have no held-out samples


@dataclass(frozen=True)
class FitFacts:
    """How a prior was fitted. Log-likelihoods are means over the codes, in nats."""

    codes: int
    samples: str  # the samples that were encoded: "60,000 samples of the train split"
    iterations: int
    converged: bool  # whether the last iteration gained less than the tolerance
    log_likelihood: float
    held_out_codes: int
    held_out_log_likelihood: float | None  # None if the data have no held-out samples
    smallest: float  # the smallest number of codes of a component, expected over the responsibilities
    earlier: EarlierPrior | None = None  # None if its densities are not finite, or it has none


def earlier_prior(prior: Prior, codes: Tensor, held_out: Tensor) -> EarlierPrior | None:
    """Return how likely codes, (N, L) and (M, L), are under the prior of a model; None for one that cannot say.

    M may be 0.
    """
    try:
        precise = copy.deepcopy(prior).double()
        likelihood = mean_log_likelihood(precise, codes)
        tested = mean_log_likelihood(precise, held_out) if len(held_out) else None
    except FAILURES:  # of a plugin
        return None
    if not math.isfinite(likelihood) or not math.isfinite(tested or 0.0):
        return None
    return EarlierPrior(prior.description, likelihood, tested)
