"""Base class of metrics that compare data with their reconstructions, D(μ(x)): deterministic, since no code is drawn.

Reconstructed images are clamped to [0, 1], as for display, because decoders have a linear output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, TypeVar

from torch import Tensor

from genkit.bases.metrics.model_metric import ModelMetric
from genkit.bases.metrics.split import Split, split_and_samples
from genkit.core.dataset import Dataset
from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Autoencoder, Model

Value = TypeVar("Value")


def of_reconstructions(evaluation: Evaluation, value: Callable[[Tensor, Tensor], Value]) -> Iterator[Value]:
    """Yield value(x, reconstruction) for each chunk of data, (b, *shape) float64 on the CPU each.

    Reconstructed images are clamped to [0, 1]. `value` is a function of a module, since several processes may share the
    chunks. Raises `ValueError` if a reconstruction is not finite.
    """
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `reconstruction_protocol` refuses other models
    of_chunk = partial(_of_chunk, model, value, is_image_data(evaluation.data))
    return evaluation.parallel_map(of_chunk, evaluation.reference)


def _of_chunk(model: Autoencoder, value: Callable[[Tensor, Tensor], Value], images: bool, x: Tensor) -> Value:
    reconstruction = model.reconstruct(x)
    if not reconstruction.isfinite().all():
        raise ValueError("the reconstructions are not finite")
    if images:
        reconstruction = reconstruction.clamp(0, 1)
    return value(x.cpu().double(), reconstruction.cpu().double())


def is_image_data(data: Dataset) -> bool:
    """Return whether the samples are images."""
    return len(data.shape) == 3


@dataclass(frozen=True)
class ReconstructionMetric(ModelMetric):
    """Base class of metrics that compare data with their reconstructions."""

    samples: Annotated[
        PositiveInt | None, Doc("Number of data samples; by default all samples of the split, at most 1,000.")
    ] = None
    split: Annotated[Split, Doc('Split of the data to reconstruct; "test" is the held-out split.')] = "test"

    def reconstruction_protocol(self, data: Dataset, model: Model, **details: str | int | float) -> EvaluationProtocol:
        """Return the protocol. Raises `ValueError` unless the model is an autoencoder and the split large enough."""
        if not isinstance(model, Autoencoder):
            raise ValueError("the model has no reconstructions; this metric needs an autoencoder. Leave it out")
        name, number = split_and_samples(data, self.split, self.samples, most=1_000)
        stated: Mapping[str, str | int | float] = {"reconstruction": "of the posterior mean", **details}
        if is_image_data(data):
            stated = {**stated, "range": "reconstructions clamped to [0, 1]"}
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=stated)
