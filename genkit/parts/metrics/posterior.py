"""Metrics of the posteriors q(z|x) = N(μ(x), diag(σ²(x))) of an encoder, which reveal posterior collapse.

    active units   = #{d : A_d > threshold},   A_d = Var_x(E_q[z_d|x]) = Var_x(μ_d(x))
    posterior KL   = 1/N Σ_n KL(q(z|y_n) || p),   y_n = x_n, D(μ(x_n)) or D(z_n),   p the prior, N(0, I) by default

A latent dimension whose posterior mean does not vary with the data carries no information about them. A_d and its
threshold of 0.01 are from Burda, Grosse & Salakhutdinov 2016, section 5.2, https://arxiv.org/abs/1509.00519. They find
that log A_d falls into two groups far apart, so the count depends little on the threshold.

Differences from training: a reconstruction is decoded from the posterior mean, where training draws z ~ q(z|x), so
the metrics are deterministic. Images that the decoder makes are not clamped to [0, 1] before they are encoded, because
training does not clamp them either.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from genkit.api import (
    Autoencoder,
    Dataset,
    DiagNormal,
    Doc,
    Draws,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveFloat,
    PositiveInt,
    RunningMoments,
    Split,
    same_for_all_rows,
    split_and_samples,
)

MOST = 5_000  # samples, if the recipe does not give a number
EncoderInput = Literal["real", "rec", "fake"]
INPUTS: dict[EncoderInput, str] = {
    "real": "data x",
    "rec": "reconstructions D(μ(x))",
    "fake": "samples D(z)",
}


@dataclass(frozen=True)
class ActiveUnits(ModelMetric):
    """The number of latent dimensions whose posterior mean has a variance over the data above `threshold`."""

    out_of: ClassVar[str] = "latent dimensions"

    samples: Annotated[
        Annotated[int, Ge(2)] | None,
        Doc("Number of data samples; by default all samples of the split, at most 5,000."),
    ] = None
    split: Annotated[Split, Doc('Split of the data to encode; "test" is the held-out split.')] = "test"
    threshold: Annotated[
        PositiveFloat, Doc("Variance of the posterior mean above which a latent dimension is active.")
    ] = 0.01

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the threshold.

        Raises `ValueError` unless the model has an encoder and the split has enough samples, at least two.
        """
        _require_encoder(model)
        name, number = split_and_samples(data, self.split, self.samples, MOST)
        if number < 2:
            raise ValueError(f"the {name} split has {number} sample, but a variance needs at least 2")
        details = {"latent dimensions": model.latent_dim, "threshold": self.threshold}
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number of active dimensions, 0 to L.

        Raises `ValueError` if a posterior is not finite, or if all samples of the data are the same.
        """
        if not samples_differ(evaluation.reference):
            raise ValueError("all samples of the data are the same, so no latent dimension can vary with them")
        return float((variance_of_means(posteriors(evaluation, "real")) > self.threshold).sum())


@dataclass(frozen=True)
class PosteriorKL(ModelMetric):
    """The mean KL divergence of posteriors from the prior, in nats: of all latent dimensions, or per dimension."""

    samples: Annotated[
        PositiveInt | None,
        Doc('Number of encoded samples; by default all of the split, at most 5,000, and 5,000 for of = "fake".'),
    ] = None
    split: Annotated[
        Split, Doc('Split of the data to encode; "test" is the held-out split, and of = "fake" reads no data.')
    ] = "test"
    of: Annotated[
        EncoderInput,
        Doc('Samples to encode: data ("real"), their reconstructions ("rec") or generated samples ("fake").'),
    ] = "real"
    dimensions: Annotated[
        Literal["sum", "mean"], Doc('Sum of the KL over the latent dimensions, or its mean ("mean": KL per dimension).')
    ] = "sum"

    def __post_init__(self) -> None:
        """Raise `ValueError` for a split that would not be read."""
        if self.of == "fake" and self.split == "train":
            raise ValueError('of = "fake" reads no data, so split = "train" has no effect. Leave split out')

    @property
    def better(self) -> None:
        """Neither direction is better: 0 is a collapse, and a large KL means codes that the prior never draws."""
        return None

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the encoded samples.

        Raises `ValueError` unless the model has an encoder and the split has enough samples.
        """
        _require_encoder(model)
        if self.of == "fake":
            name, number = data.held_out().split, self.samples or MOST
        else:
            name, number = split_and_samples(data, self.split, self.samples, MOST)
        details = {"of": INPUTS[self.of], "unit": "nats"}
        if self.dimensions != "sum":
            details["over latent dimensions"] = self.dimensions
        if self.of == "rec":
            details["reconstruction"] = "of the posterior mean, where the training draws z"
        if self.of != "real" and len(data.shape) == 3:
            details["range"] = "as decoded, not clamped"
        return EvaluationProtocol(number, name, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean in nats. Raises `ValueError` if a posterior is not finite."""
        total, count, model = 0.0, 0, evaluation.model
        assert isinstance(model, Autoencoder)  # `protocol` refuses other models
        of_chunk = partial(_kl_of_chunk, model, self.of)
        for added, number in evaluation.parallel_map(of_chunk, _samples(evaluation, self.of)):
            total += added
            count += number
        return total / count / (model.latent_dim if self.dimensions == "mean" else 1)


def _kl_of_chunk(model: Autoencoder, of: EncoderInput, chunk: Tensor) -> tuple[float, int]:
    """Return the sum of the KL divergences of a chunk, and its number of samples."""
    q = _posterior_of_chunk(model, of, chunk)
    prior = copy.deepcopy(model.prior).to("cpu", torch.float64)  # with the condition of the chunk
    return prior.kl(q, same_for_all_rows("posterior-kl", q.mu)).sum().item(), len(q.mu)


def posteriors(evaluation: Evaluation, of: EncoderInput) -> Iterator[DiagNormal]:
    """Return the posteriors in chunks, (b, L) float64 on the CPU. Raises `ValueError` if a posterior is not finite."""
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `protocol` refuses other models
    return evaluation.parallel_map(partial(_posterior_of_chunk, model, of), _samples(evaluation, of))


def _samples(evaluation: Evaluation, of: EncoderInput) -> Draws:
    return evaluation.generated if of == "fake" else evaluation.reference


def _posterior_of_chunk(model: Autoencoder, of: EncoderInput, chunk: Tensor) -> DiagNormal:
    mu, logvar = model.encoder(model.reconstruct(chunk) if of == "rec" else chunk)
    # NaN > threshold is false, so without this check NaN would count as an inactive dimension.
    if not (mu.isfinite() & logvar.isfinite()).all():
        raise ValueError(f"the posteriors of {INPUTS[of]} are not finite")
    return DiagNormal(mu.cpu().double(), logvar.cpu().double())


def samples_differ(chunks: Iterable[Tensor]) -> bool:
    """Return whether any sample differs from the first; chunks are (b, *shape)."""
    first = None
    for chunk in chunks:
        first = chunk[:1] if first is None else first
        if (chunk != first).any():
            return True
    return False


def variance_of_means(chunks: Iterator[DiagNormal]) -> Tensor:
    """Return the unbiased variance of mu over all rows of all chunks, (L,) float64; at least two rows in all."""
    moments = RunningMoments()
    for q in chunks:
        mean = q.mu.mean(dim=0)
        moments.merge(len(q.mu), mean, (q.mu - mean).square().sum(dim=0))
    return moments.variance


def _require_encoder(model: Model) -> None:
    """Raise `ValueError` unless the model is an autoencoder."""
    if not isinstance(model, Autoencoder):
        raise ValueError("the model has no posterior q(z|x); this metric needs an autoencoder. Leave it out")
