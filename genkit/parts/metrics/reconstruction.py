"""Reconstruction error: the mean squared difference between data and their reconstructions.

    MSE = 1/(N·D) Σ_n ‖x_n - D(μ(x_n))‖²

D in the factor is the number of coordinates of a sample, D(·) the decoder and μ the posterior mean, so the metric is
deterministic. Reconstructed images are clamped to [0, 1], as for display, because decoders have a linear output.

It is the squared error whatever error the model was trained with, so that the numbers of two models can be compared.
The key `error` reports another one, divided by D too. An error of logits is not clamped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.api import (
    Autoencoder,
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ReconstructionError,
    ReconstructionMetric,
    is_image_data,
    of_reconstructions,
    part_name,
)


@dataclass(frozen=True)
class ReconstructionErrorMetric(ReconstructionMetric):
    """The mean squared error per coordinate of reconstructions from the posterior mean, or another error."""

    error: Annotated[
        ReconstructionError | None,
        Doc("Error to report; by default the squared error, whatever the model was trained with."),
    ] = None

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol.

        Raises `ValueError` unless the model is an autoencoder, the split large enough, and the error defined for both.
        """
        protocol = self.reconstruction_protocol(data, model, mean="over samples and coordinates")
        if self.error is None:
            return protocol
        assert isinstance(model, Autoencoder)  # `reconstruction_protocol` refuses other models
        _require_error(self.error, data, model)
        details = {"error": part_name(self.error), **protocol.details}
        if self.error.link != "identity":
            details["range"] = f"{self.error.link} of the decoder's output"
        return replace(protocol, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the error per coordinate. Raises `ValueError` if a reconstruction is not finite."""
        total, coordinates = 0.0, 0
        for added, number in self._errors(evaluation):
            total += added
            coordinates += number
        return total / coordinates

    def _errors(self, evaluation: Evaluation) -> Iterator[tuple[float, int]]:
        """Yield the sum of the errors of each chunk, and its number of coordinates."""
        if self.error is None:
            return of_reconstructions(evaluation, _squares)
        model = evaluation.model
        assert isinstance(model, Autoencoder)  # `reconstruction_protocol` refuses other models
        of_chunk = partial(_error_of_chunk, model, self.error, is_image_data(evaluation.data))
        return evaluation.parallel_map(of_chunk, evaluation.reference)


def _squares(x: Tensor, reconstruction: Tensor) -> tuple[float, int]:
    return (reconstruction - x).square().sum().item(), x.numel()


def _error_of_chunk(model: Autoencoder, error: ReconstructionError, images: bool, x: Tensor) -> tuple[float, int]:
    output = model.decoder(model.encoder(x).mu)
    if error.link == "identity":
        output = model.as_sample(output)
        output = output.clamp(0, 1) if images else output
    if not output.isfinite().all():
        raise ValueError("the reconstructions are not finite")
    return error.of(model)(x, output).double().sum().item(), x.numel()


def _require_error(error: ReconstructionError, data: Dataset, model: Autoencoder) -> None:
    """Raise `ValueError` unless an error is defined for the samples, and for what the decoder returns."""
    if error.link not in ("identity", model.reconstruction_error.link):
        name = part_name(error)
        raise ValueError(
            f'error = "{name}" reads logits, but the decoder of this model returns samples. Train it with '
            f'[model] error = "{name}", or leave this metric out'
        )
    x = torch.zeros(2, *data.shape).to(next(model.parameters(), torch.zeros(())))
    with torch.no_grad():
        error.of(model)(x, x)
