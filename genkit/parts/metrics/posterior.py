"""The health of the posteriors q(z|x) = N(μ(x), diag(σ²(x))) that an encoder gives: how a collapse shows in numbers.

    active units   = #{d : A_d > threshold},   A_d = Var_x(E_q[z_d|x]) = Var_x(μ_d(x))
    posterior KL   = 1/N Σ_n KL(q(z|y_n) || N(0, I)),   y_n = x_n, D(μ(x_n)) or D(z_n)

A latent dimension whose posterior mean does not move with the data tells the decoder nothing of them. Burda, Grosse &
Salakhutdinov 2016, section 5.2, https://arxiv.org/abs/1509.00519, has A_d and its threshold of 0.01: log A_d falls into
two groups far apart, so that the count depends little on where the line between them is drawn.

Deviations: the training draws the code z ~ q(z|x) of a reconstruction, and here it is the posterior mean, so that
nothing in it is random. Fakes are not clamped to [0, 1]: the encoder reads them in the training as they are decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from genkit.core.elbo import kl_to_prior
from genkit.core.field_types import Doc, PositiveFloat, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Autoencoder, Model
from genkit.core.types import Dataset, DiagNormal
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.split import split_and_number

MOST = 5_000  # samples, where none are asked for
Side = Literal["real", "rec", "fake"]
INPUTS: dict[Side, str] = {
    "real": "data x",
    "rec": "reconstructions D(μ(x))",
    "fake": "samples D(z)",
}


@dataclass(frozen=True)
class ActiveUnits(ModelMetric):
    """The number of latent dimensions whose posterior mean varies with the data by more than `threshold`."""

    samples: Annotated[Annotated[int, Ge(2)] | None, Doc("all that the split has, 5,000 at most, unless given")] = None
    split: Annotated[Literal["train", "test"], Doc('"test": what the data set holds out')] = "test"
    threshold: Annotated[PositiveFloat, Doc("of the variance of the posterior mean, for a dimension to be active")] = (
        0.01
    )

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Higher is better."""
        return "higher"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State when a dimension is active. Raises `ValueError` unless there are an encoder and enough data."""
        _refuse_without_encoder(model)
        read, number = split_and_number(data, self.split, self.samples, MOST)
        if number < 2:
            raise ValueError(f"the {read} split has {number} sample, and a variance needs two")
        details = {"latent dimensions": model.latent_dim, "threshold": self.threshold}
        return EvaluationProtocol(number, read, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the number of active dimensions, 0 to L.

        Raises `ValueError` if a posterior is not finite, or if the data do not vary, of which no posterior could tell.
        """
        if not vary(evaluation.reference):
            raise ValueError("all samples of the data are the same, so that no latent dimension could vary with them")
        return float((variance_of_means(posteriors(evaluation, "real")) > self.threshold).sum())


@dataclass(frozen=True)
class PosteriorKL(ModelMetric):
    """The mean KL divergence of posteriors from the prior in nats: of all latent dimensions, or per dimension."""

    samples: Annotated[
        PositiveInt | None, Doc('all that the split has, 5,000 at most, unless given; of "fake" 5,000')
    ] = None
    split: Annotated[Literal["train", "test"], Doc('"test": what the data set holds out; samples need neither')] = (
        "test"
    )
    of: Annotated[Side, Doc('posteriors of data ("real"), of reconstructions ("rec") or of samples ("fake")')] = "real"
    dimensions: Annotated[Literal["sum", "mean"], Doc('over the latent dimensions; "mean" is the KL per dimension')] = (
        "sum"
    )

    def __post_init__(self) -> None:
        """Raise `ValueError` where a split is asked for that nothing is read from."""
        if self.of == "fake" and self.split == "train":
            raise ValueError('of = "fake" reads no data, so that split = "train" would do nothing: leave it out')

    @property
    def better(self) -> None:
        """Neither direction is good: 0 is a collapse, and far above is a code that the prior never draws."""
        return None

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """State whose posteriors are taken. Raises `ValueError` unless there are an encoder and enough data."""
        _refuse_without_encoder(model)
        if self.of == "fake":
            read, number = data.held_out().split, self.samples or MOST
        else:
            read, number = split_and_number(data, self.split, self.samples, MOST)
        details = {"of": INPUTS[self.of], "unit": "nats"}
        if self.dimensions != "sum":
            details["over latent dimensions"] = self.dimensions
        if self.of == "rec":
            details["reconstruction"] = "of the posterior mean, where the training draws z"
        if self.of != "real" and len(data.shape) == 3:
            details["range"] = "as decoded, not clamped"
        return EvaluationProtocol(number, read, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean in nats. Raises `ValueError` if a posterior is not finite."""
        total, count = 0.0, 0
        for q in posteriors(evaluation, self.of):
            total += kl_to_prior(q).sum().item()
            count += len(q.mu)
        return total / count / (evaluation.model.latent_dim if self.dimensions == "mean" else 1)


def posteriors(evaluation: Evaluation, of: Side) -> Iterator[DiagNormal]:
    """Yield the posteriors chunk by chunk, (b, L) in float64 on the CPU. Raises `ValueError` if any is not finite."""
    model = evaluation.model
    assert isinstance(model, Autoencoder)  # `protocol` refuses others
    for chunk in evaluation.generated if of == "fake" else evaluation.reference:
        mu, logvar = model.encoder(model.reconstruct(chunk) if of == "rec" else chunk)
        # A comparison with NaN is false: unnoticed, it would pass for an inactive dimension.
        if not (mu.isfinite() & logvar.isfinite()).all():
            raise ValueError(f"the posteriors of {INPUTS[of]} are not finite")
        yield DiagNormal(mu.cpu().double(), logvar.cpu().double())


def vary(chunks: Iterable[Tensor]) -> bool:
    """Tell whether any sample differs from the first; chunks are (b, *shape)."""
    first = None
    for chunk in chunks:
        first = chunk[:1] if first is None else first
        if (chunk != first).any():
            return True
    return False


def variance_of_means(chunks: Iterator[DiagNormal]) -> Tensor:
    """Return the unbiased variance of mu over all rows of all chunks, (L,) float64; at least two rows in all.

    Chunks are merged by the update of Chan, Golub & LeVeque 1983, https://doi.org/10.1080/00031305.1983.10483115:
    Σμ² - (Σμ)²/N would lose the digits of a variance that is small beside the square of the mean.
    """
    count, mean, squares = 0, torch.tensor(0.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    for q in chunks:
        added, centre = len(q.mu), q.mu.mean(dim=0)
        shift, total = centre - mean, count + added
        squares = squares + (q.mu - centre).square().sum(dim=0) + shift.square() * (count * added / total)
        mean = mean + shift * (added / total)
        count = total
    return squares / (count - 1)


def _refuse_without_encoder(model: Model) -> None:
    """Raise `ValueError` for a model that is no autoencoder."""
    if not isinstance(model, Autoencoder):
        raise ValueError(
            f"a {type(model).__name__} has no posterior q(z|x); only an autoencoder can be asked: leave this metric out"
        )
