"""Test log-likelihood: the mean of the importance-weighted estimate log p̂_M(x) over data (`genkit.core.likelihood`).

It is in nats a sample. The expectation of log p̂_M is a lower bound of log p(x) that rises with M, so compare numbers of
one M only. Publications use M = 200 to 5,000. A Gaussian decoder has no likelihood without a variance, so the protocol
states it, and numbers of different variances are not comparable. For pixels of 8 bits the number is a density, not bits
per dimension. The error `bce` is a likelihood of pixels 0 and 1 only, and grey pixels are refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Estimate,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveFloat,
    PositiveInt,
    Split,
    part_name,
    require_score,
    split_and_samples,
)
from genkit.api.scoring import drawn_in_replicates, groups_in, scores_of
from genkit.parts.scores.log_likelihood import LogLikelihood

MOST = 1_000  # samples, if the recipe does not give a number: each takes `draws` decodes
QUANTILE = 1.959963984540054  # of the standard normal distribution at 97.5 %


@dataclass(frozen=True)
class LogLikelihoodMetric(ModelMetric):
    """Mean importance-weighted log-likelihood of data, in nats a sample."""

    samples: Annotated[
        PositiveInt | None, Doc("Number of data samples; by default all of the split, at most 1,000.")
    ] = None
    split: Annotated[Split, Doc('Split of the data; "test" is the held-out split.')] = "test"
    draws: Annotated[PositiveInt, Doc("Number M of codes drawn for each sample.")] = 200
    variance: Annotated[
        PositiveFloat | None,
        Doc("Variance of the decoder; by default ½ for the error squared, 2 for l1. bce has none."),
    ] = None

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with M and the variance.

        Raises `ValueError` unless the model is an autoencoder whose error is a density, and the split large enough.
        """
        autoencoder = require_score(self._score, model)
        name, number = split_and_samples(data, self.split, self.samples, MOST)
        error = autoencoder.reconstruction_error
        details: Mapping[str, str | int | float] = {
            "draws": self.draws,
            "error": part_name(error),
            "variance": self.variance or error.implied_variance or "none",
            "unit": "nats",
            "interval": f"95 %, normal{drawn_in_replicates(data) or ' of samples'}",
        }
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean with its normal 95 % interval over samples, or over groups where the data have them.

        The standard error of groups is √(G/(G - 1)·Σ_g r_g²)/N, with r_g the sum of the deviations of a group from the
        mean (Liang & Zeger 1986, https://doi.org/10.1093/biomet/73.1.13); with groups of one sample it is that of
        samples. Raises `ValueError` if the mean is not finite.
        """
        found: Tensor = -scores_of(self._score, evaluation, evaluation.reference, "the data")
        mean = found.mean().item()
        if len(found) < 2:
            return mean
        groups = groups_in(evaluation, evaluation.data, len(found))
        if groups is None:
            half = QUANTILE * found.std().item() / math.sqrt(len(found))
            return Estimate(mean, (mean - half, mean + half))
        sums: dict[str, float] = {}
        for group, deviation in zip(groups, (found - mean).tolist(), strict=True):
            sums[group] = sums.get(group, 0.0) + deviation
        if len(sums) < 2:
            return mean
        factor = len(sums) / (len(sums) - 1)
        half = QUANTILE * math.sqrt(factor * sum(each**2 for each in sums.values())) / len(found)
        return Estimate(mean, (mean - half, mean + half))

    @property
    def _score(self) -> LogLikelihood:
        return LogLikelihood(self.draws, self.variance)
