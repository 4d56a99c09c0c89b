"""Structural similarity (SSIM) of reconstructions.

    SSIM(x, y) = (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)),   C₁ = 0.01², C₂ = 0.03²

at every position of an image where the window fits, with moments weighted by the window. The mean is over positions and
channels, then over images. Wang, Bovik, Sheikh & Simoncelli 2004, https://doi.org/10.1109/TIP.2003.819861, with their
window: 11 x 11, Gaussian, σ = 1.5. Images are in [0, 1], so the data range is 1. torchmetrics computes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

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

WINDOW, SIGMA = 11, 1.5  # pixels
EDGE = WINDOW // 2
OPTIONS: dict[str, Any] = {"kernel_size": WINDOW, "sigma": SIGMA, "data_range": 1.0, "return_full_image": True}


@dataclass(frozen=True)
class SSIM(ReconstructionMetric):
    """The mean over images of the structural similarity of reconstructions, -1 to 1."""

    value_scale: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol. Raises `ValueError` unless the model reconstructs images as large as the window."""
        shape = tuple(data.shape)
        if not is_image_data(data):
            raise ValueError(f"SSIM is defined for images, but samples have shape {shape}. Use reconstruction-error")
        if min(shape[1:]) < WINDOW:
            raise ValueError(
                f"images of {shape[1]} x {shape[2]} pixels are smaller than the window of {WINDOW} x {WINDOW}. Use psnr"
            )
        window = f"{WINDOW} x {WINDOW}, Gaussian, sigma {SIGMA}"
        mean = "over places where the window fits, then images"
        return self.reconstruction_protocol(data, model, window=window, peak=1, mean=mean)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean. Raises `ValueError` if no image has structure or a reconstruction is not finite."""
        total, count, uniform = 0.0, 0, 0
        for of_one_colour, similarities, added in of_reconstructions(evaluation, _similarities):
            uniform += of_one_colour
            total += similarities
            count += added
        if uniform == count:
            raise ValueError(f"all {count} images have a single colour each, so there is no structure to compare")
        return total / count


def _similarities(x: Tensor, reconstruction: Tensor) -> tuple[int, float, int]:
    """Return the number of images of a single colour, the sum of the similarities of the images, and their number."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    # float32 is ten times as fast here and changes the mean by less than 1e-6.
    _, similarity = structural_similarity_index_measure(reconstruction.float(), x.float(), **OPTIONS)
    # torchmetrics mirrors the borders; the publication counts only positions where the window fits.
    inner = similarity[..., EDGE:-EDGE, EDGE:-EDGE].double()
    pixels = x.flatten(2)
    uniform = int((pixels == pixels[:, :, :1]).flatten(1).all(dim=1).sum())
    return uniform, inner.flatten(1).mean(dim=1).sum().item(), len(x)
