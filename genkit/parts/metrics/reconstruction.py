"""How far reconstructions are from what they reconstruct.

    MSE = 1/(N·D) Σ_n ‖x_n - D(μ(x_n))‖²

with D the number of coordinates of a sample and μ the posterior mean, so that nothing in it is random. Images are
clamped to [0, 1] as they would be shown: decoders here are linear at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from torch import Tensor

from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Autoencoder, Model
from genkit.core.types import Dataset
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.split import Split, split_and_number


def reconstructions(evaluation: Evaluation) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield data and what the model makes of them, (b, *shape) float64 each, images clamped to [0, 1].

    Raises `ValueError` if a reconstruction is not finite.
    """
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `reconstruction_protocol` refuses others
    for x in evaluation.reference:
        reconstruction = model.reconstruct(x)
        if not reconstruction.isfinite().all():
            raise ValueError("the reconstructions are not finite")
        if shows_images(evaluation.data):
            reconstruction = reconstruction.clamp(0, 1)
        yield x.cpu().double(), reconstruction.cpu().double()


def shows_images(data: Dataset) -> bool:
    """Tell whether the samples are images."""
    return len(data.shape) == 3


@dataclass(frozen=True)
class ReconstructionMetric(ModelMetric):
    """The keys and the protocol of what is measured between data and their reconstructions."""

    samples: Annotated[PositiveInt | None, Doc("all that the split has, 1,000 at most, unless given")] = None
    split: Annotated[Split, Doc('"test": what the data set holds out')] = "test"

    def stated(self, data: Dataset, model: Model, **details: str | int | float) -> EvaluationProtocol:
        """Return the protocol. Raises `ValueError` unless the model reconstructs and the split can serve."""
        if not isinstance(model, Autoencoder):
            raise ValueError(f"a {type(model).__name__} reconstructs nothing; only an autoencoder can be asked")
        read, number = split_and_number(data, self.split, self.samples, most=1_000)
        how: Mapping[str, str | int | float] = {"reconstruction": "of the posterior mean", **details}
        if shows_images(data):
            how = {**how, "range": "reconstructions clamped to [0, 1]"}
        return EvaluationProtocol(number, read, self.weights, self.batch_norm, details=how)


@dataclass(frozen=True)
class ReconstructionError(ReconstructionMetric):
    """The mean squared error per coordinate of reconstructions from the posterior mean."""

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State what is compared. Raises `ValueError` unless the model reconstructs and the split can serve."""
        return self.stated(data, model, mean="over samples and coordinates")

    def compute(self, evaluation: Evaluation) -> float:
        """Return the error per coordinate. Raises `ValueError` if it is not finite."""
        total, coordinates = 0.0, 0
        for x, reconstruction in reconstructions(evaluation):
            total += (reconstruction - x).square().sum().item()
            coordinates += x.numel()
        return total / coordinates
