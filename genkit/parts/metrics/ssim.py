"""The structural similarity of reconstructions.

    SSIM(x, y) = (2 μ_x μ_y + C₁)(2 σ_xy + C₂) / ((μ_x² + μ_y² + C₁)(σ_x² + σ_y² + C₂)),   C₁ = 0.01², C₂ = 0.03²

at every place of an image where the window fits, with moments weighed by the window; the mean over places and channels,
and then over images. Wang, Bovik, Sheikh & Simoncelli 2004, https://doi.org/10.1109/TIP.2003.819861, with its window:
11 x 11, Gaussian, σ = 1.5. Images are in [0, 1], so that the range of the data is 1. Computed by torchmetrics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Model
from genkit.core.types import Dataset
from genkit.parts.metrics.reconstruction import ReconstructionMetric, reconstructions, shows_images

WINDOW, SIGMA = 11, 1.5  # pixels
EDGE = WINDOW // 2
HOW: dict[str, Any] = {"kernel_size": WINDOW, "sigma": SIGMA, "data_range": 1.0, "return_full_image": True}


@dataclass(frozen=True)
class SSIM(ReconstructionMetric):
    """The mean over images of the structural similarity of reconstructions, -1 to 1."""

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State the window. Raises `ValueError` unless the model reconstructs images into which it fits."""
        shape = tuple(data.shape)
        if not shows_images(data):
            raise ValueError(
                f"images have a structure, and samples of the shape {shape} have none: use reconstruction-error"
            )
        if min(shape[1:]) < WINDOW:
            raise ValueError(
                f"images of {shape[1]} x {shape[2]} are smaller than the window of {WINDOW} x {WINDOW}: use psnr"
            )
        window = f"{WINDOW} x {WINDOW}, Gaussian, sigma {SIGMA}"
        return self.stated(data, model, window=window, peak=1, mean="over places where the window fits, then images")

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean. Raises `ValueError` if all images are plain, or a reconstruction is not finite."""
        from torchmetrics.functional.image import structural_similarity_index_measure

        total, count, plain = 0.0, 0, 0
        for x, reconstruction in reconstructions(evaluation):
            # In float32, which is ten times as fast here and moves the mean by less than 1e-7.
            _, places = structural_similarity_index_measure(reconstruction.float(), x.float(), **HOW)
            # There the borders are mirrored; as published, only places where the window fits are counted.
            inner = places[..., EDGE:-EDGE, EDGE:-EDGE].double()
            pixels = x.flatten(2)
            plain += int((pixels == pixels[:, :, :1]).flatten(1).all(dim=1).sum())
            total += inner.flatten(1).mean(dim=1).sum().item()
            count += len(x)
        if plain == count:
            raise ValueError(f"all {count} images are of one colour each, and have no structure to compare")
        return total / count
