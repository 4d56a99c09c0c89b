"""The peak signal-to-noise ratio of reconstructions.

    PSNR = 1/N Σ_n 10 log₁₀(1 / MSE_n) dB,   MSE_n = 1/D ‖x_n - D(μ(x_n))‖²

for images in [0, 1], so that the peak is 1. It is the mean of the ratios, one an image, as is the custom, and not the
ratio of the mean error, which it is never below. Published numbers of the field rarely say which they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.metrics.reconstruction import ReconstructionMetric, reconstructions, shows_images


@dataclass(frozen=True)
class PSNR(ReconstructionMetric):
    """The mean over images of the peak signal-to-noise ratio of reconstructions, in dB."""

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State peak and mean. Raises `ValueError` unless the model reconstructs images and the split can serve."""
        if not shows_images(data):
            raise ValueError(
                f"images have a peak, and samples of the shape {tuple(data.shape)} have none: use reconstruction-error"
            )
        return self.stated(data, model, peak=1, mean="of the ratio of each image", unit="dB")

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean in dB. Raises `ValueError` where it would be infinite, or is not finite."""
        total, count, perfect = 0.0, 0, 0
        for x, reconstruction in reconstructions(evaluation):
            errors = (x - reconstruction).square().flatten(1).mean(dim=1)
            perfect += int((errors == 0).sum())
            total -= 10 * errors.log10().sum().item()
            count += len(x)
        if perfect:
            raise ValueError(
                f"{perfect} of {count} images are reconstructed without any error, so that the mean is infinite: "
                "reconstruction-error says more here"
            )
        return total / count
