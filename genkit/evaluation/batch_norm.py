"""A model in one of the three modes of batch norm.

    running        normalised by the averages that training left: evaluation mode, as `genkit.load` returns a model
    batch          by the statistics of the samples that are evaluated together, as the published codes evaluate
    recalibrated   by the moments of what each norm reads, taken anew over so many samples of the trained model

The running averages are of the last few dozen batches, and of all that a network sees in a step: an encoder data,
reconstructions and samples, a decoder codes of posteriors and of the prior, each normalised by itself while it trains.
They are of the mixture, and of no one of them. Recalibrated are the encoder (or critic) on training data and the
decoder (or generator) on draws of the prior, each on what it is there for. A decoder sees posterior codes too, but
moments of both would again be of neither: docs/metrics.md has what was measured.

Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3, https://arxiv.org/abs/2105.07576: while the moments of
a norm are taken, those before it normalise by the batch, as in training. Deviation: the moments here are exactly those
of all samples pooled, (E[x], the unbiased Var[x]), merged as in Chan, Golub & LeVeque 1979, "Updating formulae".

Nothing is copied and nothing is changed for good: for as long as a mode lasts, the norms hold other statistics, and the
tensors that training keeps come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from genkit.core.data_order import indices_of_step
from genkit.core.metric import BatchNormMode, EvaluationProtocol
from genkit.core.model import GAN, Autoencoder, Model, evaluating
from genkit.core.noise import Noise, Rows
from genkit.core.types import Dataset

SAMPLES = 2_000  # that moments are taken of
TOGETHER = 100  # of them in one batch


@dataclass(frozen=True)
class Moments:
    """Mean and unbiased variance of each channel, (C,) each; None: those of whatever the norm is given."""

    mean: Tensor | None = None
    variance: Tensor | None = None


Statistics = Mapping[str, Moments]  # by the name of the norm


def norms_of(model: nn.Module) -> dict[str, _BatchNorm]:
    """Return the batch norms that keep statistics, by name."""
    named = model.named_modules()
    return {name: norm for name, norm in named if isinstance(norm, _BatchNorm) and norm.running_mean is not None}


def completed(protocol: EvaluationProtocol, model: Model, data: Dataset, together: int) -> EvaluationProtocol:
    """Return the protocol of a metric with all that it says of batch norm, of which a metric states the mode alone.

    `together` is how many samples are evaluated at a time. Raises `ValueError` for a mode of a model without norms.
    """
    if not norms_of(model):
        if protocol.batch_norm is not None:
            raise ValueError(f'batch_norm = "{protocol.batch_norm}": the model has no batch norm; leave the key out')
        return protocol
    mode = protocol.batch_norm or "running"
    statistics: dict[str, str | int | float] = {}
    if mode == "batch":
        statistics["statistics"] = f"of {min(together, protocol.samples)} samples at a time"
    if mode == "recalibrated":
        seen = "generated" if not isinstance(model, Autoencoder | GAN) else f"{data.split} and {SAMPLES} generated"
        statistics["statistics"] = f"of {SAMPLES} {seen} samples, {TOGETHER} at a time"
    return replace(protocol, batch_norm=mode, details={**protocol.details, **statistics})


@contextmanager
def normalising(model: nn.Module, statistics: Statistics) -> Iterator[None]:
    """Run the block with other statistics in the model's norms; then give each back the tensors that it held."""
    norms = norms_of(model)
    kept = {name: Moments(norm.running_mean, norm.running_var) for name, norm in norms.items()}
    try:
        for name, moments in statistics.items():
            norms[name].running_mean, norms[name].running_var = moments.mean, moments.variance
        yield
    finally:
        for name, moments in kept.items():
            norms[name].running_mean, norms[name].running_var = moments.mean, moments.variance


class Norms:
    """The modes of models that were trained on `data`; what one takes long to find is found once."""

    def __init__(self, data: Dataset, seed: int):
        self._data, self._seed = data, seed
        self._found: dict[tuple[Model, BatchNormMode | None], Statistics] = {}

    @contextmanager
    def normalising(self, model: Model, mode: BatchNormMode | None) -> Iterator[None]:
        """Run the block with the model in a mode. Raises `ValueError` where the data are too few for it."""
        if (model, mode) not in self._found:
            self._found[model, mode] = self._statistics(model, mode)
        with normalising(model, self._found[model, mode]):
            yield

    def _statistics(self, model: Model, mode: BatchNormMode | None) -> Statistics:
        if mode == "batch":
            return _of_each_batch(model)
        return recalibrated(model, self._data, self._seed) if mode == "recalibrated" else {}


def _of_each_batch(model: Model) -> Statistics:
    # A norm that holds no statistics takes those of its input, in evaluation mode too, and writes none down.
    return dict.fromkeys(norms_of(model), Moments())


def recalibrated(model: Model, data: Dataset, seed: int) -> Statistics:
    """Return the moments of what each norm reads: a pure function of the model and the seed.

    Raises `ValueError` where the data are too few.
    """
    if data.size is not None and data.size < TOGETHER:
        raise ValueError(
            f'batch_norm = "recalibrated" reads {TOGETHER} samples at a time, and the {data.split} split has '
            f"{data.size}"
        )
    pools = {name: _Pool() for name in norms_of(model)}
    with ExitStack() as held:
        for name, norm in norms_of(model).items():
            held.enter_context(_noting(norm, pools[name]))
        held.enter_context(evaluating(model))
        held.enter_context(normalising(model, _of_each_batch(model)))
        for number in range(SAMPLES // TOGETHER):
            _show(model, data, seed, number)
    # A norm that read nothing keeps what training left.
    return {name: pool.moments(norms_of(model)[name]) for name, pool in pools.items() if pool.count}


def _show(model: Model, data: Dataset, seed: int, number: int) -> None:
    """Let each child see a batch: the first ones of the training's order, and draws of the prior."""
    weight = next(model.parameters())
    noise = Noise(seed, number, "recalibration/prior", Rows.all(TOGETHER), weight.device, weight.dtype)
    model.sample(noise.randn("z", model.latent_dim))
    reader = model.encoder if isinstance(model, Autoencoder) else model.critic if isinstance(model, GAN) else None
    if reader is not None:
        indices = indices_of_step(seed, number, TOGETHER, data.size)
        reader(data.batch(indices, noise.of("recalibration/data")).x.to(weight.device, weight.dtype))


class _Pool:
    """Count, mean and sum of squared deviations of all that a norm has read, channel by channel, in float64."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, x: Tensor) -> None:
        """Take in the input of a norm, (B, C, ...)."""
        count, others = x.numel() // x.shape[1], [dim for dim in range(x.dim()) if dim != 1]
        variance, mean = (moment.double() for moment in torch.var_mean(x, dim=others, correction=0))
        if not self.count:
            self.mean, self.squares = torch.zeros_like(mean), torch.zeros_like(mean)
        # Chan, Golub & LeVeque, Eq. (2.1)
        total, apart = self.count + count, mean - self.mean
        self.squares = self.squares + count * variance + apart.square() * (self.count * count / total)
        self.mean, self.count = self.mean + apart * (count / total), total

    def moments(self, norm: _BatchNorm) -> Moments:
        """Return them as the norm keeps its own."""
        assert norm.running_mean is not None
        mean, variance = self.mean, self.squares / max(self.count - 1, 1)
        return Moments(mean.to(norm.running_mean), variance.to(norm.running_mean))


@contextmanager
def _noting(norm: nn.Module, pool: _Pool) -> Iterator[None]:
    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        pool.add(inputs[0])

    handle = norm.register_forward_pre_hook(note)
    try:
        yield
    finally:
        handle.remove()
