"""The "KL" and the "JSD" that the published 2-D code prints, for comparison with its tables only.

    "KL"  = 1/100 Σ_k p_k (log p_k - log(q_k + 1e-14))
    "JSD" = ½ · 1/100 Σ_k m_k (log m_k - log(p_k + 1e-14)) + ½ · 1/100 Σ_k m_k (log m_k - log(q_k + 1e-14))

over the 100 x 100 cells of the box, with m = ½(p + q), p the data and q the model *as densities* (numpy's
``density=True``). The factor 1/100 is a mean over the 100 rows, which PyTorch takes for a batch. The consequences:

- p sums to 1/(area of a cell), not to 1: "KL" is 6.25 times the nats of the clipped histograms in the box [-2, 2]²;
- an empty cell of the model counts as density 1e-14, which costs about 35 nats: all mass at one point gives 220.0 to
  220.4, depending on the draw of the data;
- the arguments of "JSD" are reversed, KL(m‖·) for KL(·‖m): it is not the Jensen-Shannon divergence, and has no bound;
- samples outside the box are dropped and the rest normalised. If all are outside, the published code returns NaN;
  here they are refused.

Two draws of 5,000 from the 8 Gaussians give 0.3 to 1.0 and 0.2 to 0.5, depending on the draw. `histogram-kl` and
`histogram-jsd` have none of these problems.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`calculate_sample_kl`. Table 1 of AS-IntroVAE contains these numbers, https://arxiv.org/abs/2206.13903.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np

from genkit.api import (
    BINS,
    Dataset,
    Doc,
    Draws,
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

FLOOR = 1e-14


def density_histogram(draws: Draws, side: str, half_width: float) -> np.ndarray:
    """Return the histogram as a density over the box, (BINS, BINS). Raises `ValueError` if all samples are outside."""
    inside = cell_counts(collect_points(draws, side), half_width)
    if not inside.any():
        raise ValueError(
            f"all {side} samples are outside the box [-{half_width:g}, {half_width:g}]², where the published number is "
            "undefined"
        )
    return inside / inside.sum() / (2 * half_width / BINS) ** 2


def batchmean_kl(target: np.ndarray, other: np.ndarray) -> float:
    """Return 1/BINS Σ target·(log target - log(other + 1e-14)) of densities (BINS, BINS), where 0·log 0 = 0."""
    filled = np.where(target > 0, target, 1.0)
    return float((target * (np.log(filled) - np.log(other + FLOOR))).sum() / BINS)


@dataclass(frozen=True)
class _PublishedMetric(ModelMetric):
    """Base class of both numbers."""

    samples: Annotated[
        PositiveInt,
        Doc("Number of generated samples and of data samples, each; 5,000 as published, and more give lower values."),
    ] = 5_000

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with box, floor and scale. Raises `ValueError` unless `data` is a 2-D density."""
        details = box_details(box_half_width(data)) | {
            "outside": "dropped, the rest normalised",
            "floor": FLOOR,
            "unit": f"1/{BINS} of the sum over densities, as published",
        }
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def densities(self, evaluation: Evaluation) -> tuple[np.ndarray, np.ndarray]:
        """Return the histograms of data and of generated samples as densities, each (BINS, BINS)."""
        half_width = box_half_width(evaluation.data)
        real = density_histogram(evaluation.reference, "reference", half_width)
        return real, density_histogram(evaluation.generated, "generated", half_width)


@dataclass(frozen=True)
class ReferenceKL(_PublishedMetric):
    """The published "KL" of 2-D points. It is about 220 if there are no generated samples where the data are."""

    value_on_itself: ClassVar[float] = 0.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number that the published code prints. Raises `ValueError` where that would be NaN."""
        real, fake = self.densities(evaluation)
        return batchmean_kl(real, fake)


@dataclass(frozen=True)
class ReferenceJSD(_PublishedMetric):
    """The published "JSD" of 2-D points, whose arguments are reversed."""

    value_on_itself: ClassVar[float] = 0.0

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number that the published code prints. Raises `ValueError` where that would be NaN."""
        real, fake = self.densities(evaluation)
        middle = 0.5 * (fake + real)
        return 0.5 * (batchmean_kl(middle, real) + batchmean_kl(middle, fake))
