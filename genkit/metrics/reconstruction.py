"""How far reconstructions are from what they reconstruct.

    MSE = 1/(N·D) Σ_n ‖x_n - D(μ(x_n))‖²

with D the number of coordinates of a sample and μ the posterior mean, so that nothing in it is random. Images are
clamped to [0, 1] as they would be shown: decoders here are linear at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from genkit.fields import Count
from genkit.metrics.of_model import OfModel
from genkit.model import Autoencoder, Model
from genkit.types import Dataset, Evaluation, EvaluationProtocol


@dataclass(frozen=True)
class ReconstructionError(OfModel):
    """The mean squared error per coordinate of reconstructions from the posterior mean."""

    samples: Count = 1_000
    split: Literal["train", "test"] = "test"  # "test": what the data set holds out

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State what is compared. Raises `ValueError` unless the model reconstructs and the split can serve."""
        if not isinstance(model, Autoencoder):
            raise ValueError(f"a {type(model).__name__} reconstructs nothing; only an autoencoder can be asked")
        read = data if self.split == "train" else data.held_out()
        if self.split == "train" and data.split == "test":
            raise ValueError('split = "train" cannot be read: the data set reads its test split')
        # Where the data are unmet, the plan says so; how many samples there are cannot be known then.
        if not read.unmet() and read.size is not None and read.size < self.samples:
            raise ValueError(f"samples = {self.samples} is more than the {read.size} samples of the {read.split} split")
        details = {"reconstruction": "of the posterior mean", "mean": "over samples and coordinates"}
        if _shows_images(data):
            details["range"] = "reconstructions clamped to [0, 1]"
        return EvaluationProtocol(self.samples, read.split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the error per coordinate. Raises `ValueError` if it is not finite."""
        model, total, coordinates = evaluation.model, 0.0, 0
        assert isinstance(model, Autoencoder)  # `protocol` refuses others
        for x in evaluation.reference:
            reconstruction = model.reconstruct(x)
            if _shows_images(evaluation.data):
                reconstruction = reconstruction.clamp(0, 1)
            total += (reconstruction.double() - x.double()).square().sum().item()
            coordinates += x.numel()
        if not math.isfinite(total):
            raise ValueError("the reconstructions are not finite")
        return total / coordinates


def _shows_images(data: Dataset) -> bool:
    return len(data.shape) == 3
