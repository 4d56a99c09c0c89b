"""Peak signal-to-noise ratio (PSNR) of reconstructions.

    PSNR = 1/N Σ_n 10 log₁₀(1 / MSE_n) dB,   MSE_n = 1/D ‖x_n - D(μ(x_n))‖²

Images are in [0, 1], so the peak is 1. As is customary, this is the mean of the ratios of all images. It is never below
the ratio of the mean error, which is a different number. Publications rarely say which of the two they report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from genkit.api import (
    Dataset,
    Evaluation,
    EvaluationProtocol,
    Model,
    ReconstructionMetric,
    is_image_data,
    of_reconstructions,
)


@dataclass(frozen=True)
class PSNR(ReconstructionMetric):
    """The mean over images of the peak signal-to-noise ratio of reconstructions, in dB."""

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol. Raises `ValueError` unless the model reconstructs images and the split suffices."""
        if not is_image_data(data):
            raise ValueError(
                f"PSNR is defined for images, but samples have shape {tuple(data.shape)}. Use reconstruction-error"
            )
        return self.reconstruction_protocol(data, model, peak=1, mean="of the ratio of each image", unit="dB")

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean in dB. Raises `ValueError` if it is infinite or a reconstruction is not finite."""
        total, count, perfect = 0.0, 0, 0
        for without_error, ratios, added in of_reconstructions(evaluation, _ratios):
            perfect += without_error
            total -= ratios
            count += added
        if perfect:
            raise ValueError(
                f"{perfect} of {count} images are reconstructed without any error, so the mean PSNR is infinite. "
                "Use reconstruction-error"
            )
        return total / count


def _ratios(x: Tensor, reconstruction: Tensor) -> tuple[int, float, int]:
    """Return the number of images without error, the sum of 10 log₁₀ MSE over the images, and their number."""
    errors = (x - reconstruction).square().flatten(1).mean(dim=1)
    return int((errors == 0).sum()), 10 * errors.log10().sum().item(), len(x)
