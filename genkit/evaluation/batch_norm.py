"""The three modes of batch norm in an evaluation.

    running        normalise by the running averages of training: evaluation mode, as `genkit.load` returns a model
    batch          normalise by the samples that are evaluated together, as the published codes evaluate
    recalibrated   normalise by moments computed again, over many samples of the trained model

The running averages cover the last few dozen batches, and everything that a network reads in a step: an encoder reads
data, reconstructions and samples; a decoder reads posterior codes and prior codes. In training each of these inputs is
normalised by itself, but the averages mix them. Recalibration computes the moments of the encoder (or critic) on
training data only, and those of the decoder (or generator) on prior codes only, the inputs of their main use. A decoder
reads posterior codes too, but moments of both would again be a mixture. docs/metrics.md reports measurements.

Recalibration follows Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3, https://arxiv.org/abs/2105.07576:
while the moments of a norm are computed, the norms before it normalise by the batch, as in training. Deviation: the
moments here are exactly those of all samples together, E[x] and the unbiased Var[x] (`genkit.core.moments`).

The model is not copied or changed. During an evaluation its norms hold other statistics; afterwards they hold the
original tensors again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from genkit.core.data_order import indices_of_step
from genkit.core.dataset import Dataset
from genkit.core.metric import BatchNormMode, EvaluationProtocol, ParallelMap
from genkit.core.model import GAN, Autoencoder, Model, evaluating
from genkit.core.moments import RunningMoments
from genkit.core.noise import Noise, Rows

RECALIBRATION_SAMPLES = 2_000
RECALIBRATION_BATCH = 100


@dataclass(frozen=True)
class NormStatistics:
    """Mean and unbiased variance of each channel, (C,) each. None: the norm uses those of its input."""

    mean: Tensor | None = None
    variance: Tensor | None = None


BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm
StatisticsByNorm = Mapping[str, NormStatistics]  # keys are the names of the norms within the model


def norms_of(model: nn.Module) -> dict[str, BatchNorm]:
    """Return the batch norms with running statistics, by name."""
    named = model.named_modules()
    return {name: norm for name, norm in named if isinstance(norm, BatchNorm) and norm.running_mean is not None}


def complete_protocol(protocol: EvaluationProtocol, model: Model, data: Dataset, together: int) -> EvaluationProtocol:
    """Return the protocol of a metric with the mode of batch norm and the samples that its statistics come from.

    `together` is the number of samples that are evaluated at a time. Raises `ValueError` if the protocol has a mode but
    the model has no batch norm.
    """
    if not norms_of(model):
        if protocol.batch_norm is not None:
            raise ValueError(f'batch_norm = "{protocol.batch_norm}": the model has no batch norm. Remove this key')
        return protocol
    mode = protocol.batch_norm or "running"
    statistics: dict[str, str | int | float] = {}
    if mode == "batch":
        statistics["statistics"] = f"of {min(together, protocol.samples)} samples at a time"
    if mode == "recalibrated":
        reads_data = isinstance(model, Autoencoder | GAN)
        read = f"{data.split} and {RECALIBRATION_SAMPLES} generated" if reads_data else "generated"
        statistics["statistics"] = f"of {RECALIBRATION_SAMPLES} {read} samples, {RECALIBRATION_BATCH} at a time"
    return replace(protocol, batch_norm=mode, details={**protocol.details, **statistics})


@contextmanager
def using_statistics(model: nn.Module, statistics: StatisticsByNorm) -> Iterator[None]:
    """Run the block with other statistics in the model's norms, then restore the tensors that the norms held."""
    norms: dict[str, Any] = {name: model.get_submodule(name) for name in statistics}
    before = {name: NormStatistics(norm.running_mean, norm.running_var) for name, norm in norms.items()}
    try:
        for name, found in statistics.items():
            norms[name].running_mean, norms[name].running_var = found.mean, found.variance
        yield
    finally:
        for name, original in before.items():
            norms[name].running_mean, norms[name].running_var = original.mean, original.variance


class BatchNormModes:
    """Modes of models that were trained on `data`. The statistics of a model and a mode are computed once."""

    def __init__(self, data: Dataset, seed: int, parallel_map: ParallelMap = map):
        self._data, self._seed, self._parallel_map = data, seed, parallel_map
        self._statistics: dict[tuple[Model, BatchNormMode | None], StatisticsByNorm] = {}

    @contextmanager
    def using(self, model: Model, mode: BatchNormMode | None) -> Iterator[None]:
        """Run the block with the model in a mode. Raises `ValueError` if the mode needs more data than there are."""
        with using_statistics(model, self.statistics(model, mode)):
            yield

    def statistics(self, model: Model, mode: BatchNormMode | None) -> StatisticsByNorm:
        """Return the statistics of a mode. Raises `ValueError` if the mode needs more data than there are."""
        if (model, mode) not in self._statistics:
            self._statistics[model, mode] = self._compute(model, mode)
        return self._statistics[model, mode]

    def _compute(self, model: Model, mode: BatchNormMode | None) -> StatisticsByNorm:
        if mode == "batch":
            return _statistics_of_input(model)
        if mode == "recalibrated":
            return recalibrated_statistics(model, self._data, self._seed, self._parallel_map)
        return {}


def _statistics_of_input(model: Model) -> StatisticsByNorm:
    # A norm without running statistics uses those of its input, in evaluation mode too, and stores none.
    return dict.fromkeys(norms_of(model), NormStatistics())


def recalibrated_statistics(
    model: Model, data: Dataset, seed: int, parallel_map: ParallelMap = map
) -> StatisticsByNorm:
    """Return the moments of the inputs of every norm, a pure function of the model and the seed.

    Raises `ValueError` if the data have fewer samples than one batch.
    """
    if data.size is not None and data.size < RECALIBRATION_BATCH:
        raise ValueError(
            f'batch_norm = "recalibrated": a batch has {RECALIBRATION_BATCH} samples, but the {data.split} split has '
            f"only {data.size}"
        )
    moments = {name: RunningMoments() for name in norms_of(model)}
    numbers = range(RECALIBRATION_SAMPLES // RECALIBRATION_BATCH)
    for found in parallel_map(partial(_moments_of_batch, model, data, seed), numbers):
        for name, count, mean, squares in found:
            moments[name].merge(count, mean, squares)
    # A norm without input keeps its running statistics.
    return {name: _statistics(norm, moments[name]) for name, norm in norms_of(model).items() if moments[name].count}


def _moments_of_batch(model: Model, data: Dataset, seed: int, number: int) -> list[tuple[str, int, Tensor, Tensor]]:
    """Return the moments of the inputs of every norm in one batch: its name, and what `RunningMoments.merge` takes."""
    found: list[tuple[str, int, Tensor, Tensor]] = []
    with ExitStack() as stack:
        for name, norm in norms_of(model).items():
            stack.enter_context(_adding_inputs(name, norm, found))
        stack.enter_context(evaluating(model))
        stack.enter_context(using_statistics(model, _statistics_of_input(model)))
        _forward_batch(model, data, seed, number)
    return found


def _forward_batch(model: Model, data: Dataset, seed: int, number: int) -> None:
    """Pass one batch of prior codes, and one of training data in the order of training, through the networks."""
    weight = next(model.parameters())
    noise = Noise(seed, number, "recalibration/prior", Rows.all(RECALIBRATION_BATCH), weight.device, weight.dtype)
    with model.given(model.draw_condition(noise)):
        model.sample(model.prior.sample(noise))
    reader = model.encoder if isinstance(model, Autoencoder) else model.critic if isinstance(model, GAN) else None
    if reader is not None:
        indices = indices_of_step(seed, number, RECALIBRATION_BATCH, data.size)
        samples = data.batch(indices, noise.of("recalibration/data"))
        with model.given(samples.extra):
            reader(samples.x.to(weight.device, weight.dtype))


@contextmanager
def _adding_inputs(name: str, norm: nn.Module, found: list[tuple[str, int, Tensor, Tensor]]) -> Iterator[None]:
    """Append the moments of every input of the norm, (B, C, ...), in float64, while the block runs."""

    def add(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        x: Tensor = inputs[0]
        others = [dim for dim in range(x.dim()) if dim != 1]
        variance, mean = (moment.double() for moment in torch.var_mean(x, dim=others, correction=0))
        count = x.numel() // x.shape[1]
        found.append((name, count, mean, count * variance))

    handle = norm.register_forward_pre_hook(add)
    try:
        yield
    finally:
        handle.remove()


def _statistics(norm: BatchNorm, moments: RunningMoments) -> NormStatistics:
    """Return moments in the dtype and on the device of the norm's running statistics."""
    assert norm.running_mean is not None
    return NormStatistics(moments.mean.to(norm.running_mean), moments.variance.to(norm.running_mean))
