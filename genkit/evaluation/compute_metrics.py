"""Evaluation of metrics on a trained model."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, get_args

from torch import Tensor

from genkit.core.dataset import Dataset
from genkit.core.estimate import Estimate
from genkit.core.global_generators import seeded_generators
from genkit.core.metric import LABELS, PRIOR, BatchNormMode, Draws, Evaluation, EvaluationProtocol, Metric, ParallelMap
from genkit.core.model import Model, evaluating
from genkit.core.noise import seed_of
from genkit.core.prior import StandardNormal
from genkit.core.result import Result
from genkit.errors import GenkitError, PartMistake
from genkit.evaluation.batch_norm import BatchNormModes, complete_protocol
from genkit.evaluation.draws import draws, groups_of, labels_of, read, rows_of_chunk
from genkit.evaluation.in_state import map_in_state
from genkit.part_code import code_of, describe_bug, is_refusal

NO_NUMBER = "compute returned"  # the beginning of the reason if the value is no finite number
AFTER_A_FIX = "This is a bug in the metric. After a fix, `genkit eval` computes the number"


def protocol_of(
    metric: Metric, data: Dataset, model: Model, batch_norm: BatchNormMode | None = None
) -> EvaluationProtocol:
    """Return the complete protocol of a metric. `batch_norm` overrides the mode of the metric.

    Raises `ValueError` if the number would be meaningless, and `PartMistake` if the metric does not return a protocol.
    """
    better: Any = metric.better
    if better not in ("lower", "higher", None):
        raise PartMistake(f'{code_of(metric)}: better is {better!r}. Return "lower", "higher" or None')
    protocol: Any = metric.protocol(data, model)
    if not isinstance(protocol, EvaluationProtocol):
        found = f"an object of type {type(protocol).__name__}"
        raise PartMistake(f"{code_of(metric)}: protocol returned {found}. Return an EvaluationProtocol")
    if protocol.weights not in ("raw", "ema"):
        raise PartMistake(f'{code_of(metric)}: protocol has weights = {protocol.weights!r}. Use "raw" or "ema"')
    if not isinstance(protocol.samples, int) or protocol.samples < 1:
        raise PartMistake(f"{code_of(metric)}: protocol has samples = {protocol.samples!r}. Give a positive integer")
    if protocol.batch_norm not in (None, *get_args(BatchNormMode)):
        modes = " or ".join(f'"{mode}"' for mode in get_args(BatchNormMode))
        raise PartMistake(f"{code_of(metric)}: protocol has batch_norm = {protocol.batch_norm!r}. Use {modes}, or None")
    if batch_norm is not None:
        protocol = replace(protocol, batch_norm=batch_norm)
    if not isinstance(model.prior, StandardNormal):
        protocol = replace(protocol, details={**protocol.details, PRIOR: model.prior.description})
    if model.condition_classes is not None:
        drawn = f"drawn with the frequencies of the {data.split} split"
        protocol = replace(protocol, details={**protocol.details, LABELS: drawn})
    return complete_protocol(protocol, model, data, rows_of_chunk(data.shape))


def evaluate(
    metrics: Mapping[str, Metric],
    data: Dataset,
    model_of: Callable[[str], Model],
    seed: int,
    batch_norm: BatchNormMode | None = None,
    parallel_map: ParallelMap = map,
) -> list[Result]:
    """Return the result of every metric, by label.

    `data` is the training data; `model_of("raw")` and `model_of("ema")` return the model with these weights.
    `batch_norm` overrides the mode of all metrics. `parallel_map` lets other processes help, which have the
    `evaluated_objects`.
    """
    modes = BatchNormModes(data, seed, parallel_map)
    evaluator = _Evaluator(data, model_of, seed, batch_norm, modes, parallel_map)
    return [evaluator.result(label, metric) for label, metric in metrics.items()]


def evaluated_objects(data: Dataset, model_of: Callable[[str], Model]) -> dict[str, object]:
    """Return by name what an evaluation reads, and what every process that helps must have."""
    models = {which: model_of(which) for which in ("raw", "ema")}
    return {**models, "data": data, "held-out data": data.held_out()}


@dataclass(frozen=True)
class _Evaluator:
    """Everything that does not change from one metric to the next."""

    data: Dataset
    model_of: Callable[[str], Model]
    seed: int
    batch_norm: BatchNormMode | None
    modes: BatchNormModes
    parallel_map: ParallelMap
    # What metrics of the same draws share, by the part of the protocol that decides the draws.
    shared: dict[Any, dict[Any, Any]] = field(default_factory=lambda: defaultdict(dict))

    def result(self, label: str, metric: Metric) -> Result:
        raw = self.model_of("raw")
        with evaluating(raw):  # a protocol may run networks: the batch norms of a training must not count that
            protocol = protocol_of(metric, self.data, raw, self.batch_norm)
        model = self.model_of(protocol.weights)
        try:
            evaluation = self._input_of(model, protocol)
            # A metric is given no noise: what it draws from a global generator is then a function of the seed, too.
            with evaluating(model), self.modes.using(model, protocol.batch_norm), self._seeded():
                value = _finite(metric.compute(evaluation))
        except (GenkitError, MemoryError):  # such as `ProcessLost`, which is no mistake of the metric
            raise
        except (Exception, SystemExit, GeneratorExit) as error:
            if is_refusal(error):
                return Result(label, None, metric.better, protocol, str(error))
            # A bug in one metric must not lose the other results, nor a finished training.
            return Result(label, None, metric.better, protocol, f"{describe_bug(metric, error)}. {AFTER_A_FIX}")
        return Result(label, float(value), metric.better, protocol, interval=getattr(value, "interval", None))

    def _seeded(self) -> AbstractContextManager[None]:
        return seeded_generators(seed_of(self.seed, "metric"))

    def _input_of(self, model: Model, protocol: EvaluationProtocol) -> Evaluation:
        data = self.data if protocol.split == self.data.split else self.data.held_out()
        statistics = self.modes.statistics(model, protocol.batch_norm)
        mapped = map_in_state(self.parallel_map, model, statistics, seed_of(self.seed, "metric"))
        generated, reference = draws(model, data, protocol.samples, self.seed, mapped)
        shared = self.shared[protocol.samples, protocol.split, protocol.weights, protocol.batch_norm]
        read = partial(self._read, model)
        return Evaluation(model, data, generated, reference, shared, self.data, read, mapped, labels_of, groups_of)

    def _read(self, model: Model, data: Dataset, total: int) -> Draws:
        return read(model, data, total, self.seed, labelled=False)


def _finite(value: Any) -> float:
    """Return the value of a metric as a float. Raises `ValueError` unless it is one finite number."""
    try:
        number = value if isinstance(value, Estimate) else float(value)
    except (TypeError, ValueError, RuntimeError):
        shape = f" of the shape {tuple(value.shape)}" if isinstance(value, Tensor) else ""
        raise ValueError(f"{NO_NUMBER} a {type(value).__name__}{shape}; expected one float") from None
    if not math.isfinite(number):
        raise ValueError(f"{NO_NUMBER} {number}; expected a finite number")
    return number
