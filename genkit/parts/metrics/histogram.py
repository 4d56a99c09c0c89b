"""KL and Jensen-Shannon divergences between smoothed histograms of data and of generated samples, in nats.

    p_k = (n_k + 1/K) / (N + 1),   KL(p‖q) = Σ_k p_k log(p_k / q_k),   JSD = ½ KL(p‖m) + ½ KL(q‖m),   m = ½(p + q)

n_k counts the N samples of one side in each of K = 100·100 + 1 cells: those of the data set's box, and one for
everything outside, so that samples outside the box increase the divergence.

The smoothing is Laplace's with the pseudo-count 1/K instead of 1 (Perks 1947, Journal of the Institute of Actuaries
73), which adds one pseudo-sample in all. A pseudo-count of 1 would add 10,001 and make a sixth of both histograms
uniform. On the 8 Gaussians with 50,000 samples a side, two draws of the data give a KL of 0.003 nats, and a missed mode
gives about 2.

Lin 1991, "Divergence measures based on the Shannon entropy", https://doi.org/10.1109/18.61115: JSD ≤ log 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from genkit.api import (
    BINS,
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveInt,
    box_details,
    box_half_width,
    cell_counts,
    collect_points,
)

FEWEST = 50_000
CELLS = BINS * BINS + 1


def smoothed_histogram(x: np.ndarray, half_width: float) -> np.ndarray:
    """Return the smoothed histogram of the points x, (N, 2), as probabilities, (CELLS,); the last cell is outside."""
    inside = cell_counts(x, half_width).ravel()
    return (np.append(inside, len(x) - inside.sum()) + 1 / CELLS) / (len(x) + 1)


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """Return KL(p‖q) in nats for positive probabilities, (K,)."""
    return float((p * np.log(p / q)).sum())


def jsd(p: np.ndarray, q: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence in nats for positive probabilities, (K,); at most log 2."""
    middle = 0.5 * (p + q)
    return 0.5 * (kl(p, middle) + kl(q, middle))


@dataclass(frozen=True)
class _HistogramMetric(ModelMetric):
    """Base class of both divergences. Raises `ValueError` for fewer than 50,000 samples."""

    samples: Annotated[
        PositiveInt, Doc("Number of generated samples, and of data samples to compare with; at least 50,000.")
    ] = FEWEST

    def __post_init__(self) -> None:
        if self.samples < FEWEST:
            raise ValueError(
                f"samples = {self.samples} is too few: with fewer than {FEWEST}, sampling noise counts as a "
                f"divergence. Set samples = {FEWEST} or more"
            )

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with box, cells and smoothing. Raises `ValueError` unless `data` is a 2-D density."""
        details = box_details(box_half_width(data)) | {
            "outside": "one cell of its own",
            "smoothing": f"1/{CELLS} added to each of {CELLS} counts",
            "unit": "nats",
        }
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def histograms(self, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of data and of generated samples, each (CELLS,)."""
        half_width = box_half_width(evaluation.data)
        real = collect_points(evaluation.reference, "reference")
        fake = collect_points(evaluation.generated, "generated")
        return smoothed_histogram(real, half_width), smoothed_histogram(fake, half_width)


@dataclass(frozen=True)
class HistogramKL(_HistogramMetric):
    """KL(data‖model) of histograms in nats. It is high if the model misses parts of the data."""

    value_on_itself: ClassVar[float] = 0.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return the divergence in nats. Raises `ValueError` if a sample is not finite."""
        return kl(*self.histograms(evaluation))


@dataclass(frozen=True)
class HistogramJSD(_HistogramMetric):
    """The Jensen-Shannon divergence of histograms in nats, at most log 2.

    It is high if the model misses parts of the data or generates samples where there are no data.
    """

    value_on_itself: ClassVar[float] = 0.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return the divergence in nats. Raises `ValueError` if a sample is not finite."""
        return jsd(*self.histograms(evaluation))
