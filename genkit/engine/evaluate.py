"""Numbers about a trained model, each with the protocol that made it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from genkit.engine.batch_norm import Norms, completed
from genkit.errors import UsageError
from genkit.model import Model, evaluating
from genkit.noise import Noise, Rows
from genkit.types import BatchNormMode, Dataset, Evaluation, EvaluationProtocol, Metric

CHUNK = 1000  # samples at a time, so that memory does not grow with their number


@dataclass(frozen=True)
class Result:
    """A number and how it was made."""

    label: str
    value: float | None  # None: it would be meaningless, and `reason` says why
    better: Literal["lower", "higher"] | None  # None: neither direction is good
    protocol: EvaluationProtocol
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Result:
        """Return what `as_dict` wrote."""
        return cls(**{**facts, "protocol": EvaluationProtocol(**facts["protocol"])})


@dataclass(frozen=True)
class ChunkedDraws:
    """`total` samples in chunks; `chunk(start, size)` makes one, and is a pure function."""

    total: int
    chunk: Callable[[int, int], Tensor]

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks, (b, *shape)."""
        for start in range(0, self.total, CHUNK):
            yield self.chunk(start, min(CHUNK, self.total - start))


def read_results(path: Path) -> list[Result]:
    """Return the results that a run wrote. Raises `UsageError`."""
    try:
        return [Result.from_dict(facts) for facts in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}). `genkit eval` computes the numbers again.") from None


def protocol_of(
    metric: Metric, data: Dataset, model: Model, batch_norm: BatchNormMode | None = None
) -> EvaluationProtocol:
    """Return how the number will be made, in the mode that `batch_norm` names or else the metric.

    Raises `ValueError` where it would be meaningless.
    """
    protocol = metric.protocol(data, model)
    if batch_norm is not None:
        protocol = replace(protocol, batch_norm=batch_norm)
    return completed(protocol, model, data, CHUNK)


def evaluate(
    metrics: Mapping[str, Metric],
    data: Dataset,
    model_of: Callable[[str], Model],
    seed: int,
    batch_norm: BatchNormMode | None = None,
) -> list[Result]:
    """Compute every metric; `model_of` returns the model with "raw" or "ema" weights.

    `data` are those that it was trained on; `batch_norm` takes the place of the metrics' own.
    """
    norms = Norms(data, seed)
    results = []
    for label, metric in metrics.items():
        protocol = protocol_of(metric, data, model_of("raw"), batch_norm)
        results.append(_evaluate(label, metric, protocol, data, model_of(protocol.weights), norms, seed))
    return results


def _evaluate(
    label: str, metric: Metric, protocol: EvaluationProtocol, data: Dataset, model: Model, norms: Norms, seed: int
) -> Result:
    data = data if protocol.split == data.split else data.held_out()
    generated, reference = draws(model, data, protocol.samples, seed)

    try:
        with evaluating(model), norms.normalising(model, protocol.batch_norm):
            value = metric.compute(Evaluation(model, data, generated, reference))
        if not math.isfinite(value):
            raise ValueError(f"it came out as {value}")
    except ValueError as error:
        return Result(label, None, metric.better, protocol, str(error))
    return Result(label, value, metric.better, protocol)


def draws(model: Model, data: Dataset, total: int, seed: int) -> tuple[ChunkedDraws, ChunkedDraws]:
    """Return `total` samples of the model and as many of the data, each a pure function of the seed."""
    weight = next(model.parameters())

    def noise(start: int, size: int, source: str) -> Noise:
        return Noise(seed, start, source, Rows.all(size), weight.device, weight.dtype)

    def generate(start: int, size: int) -> Tensor:
        return model.sample(noise(start, size, "evaluation/prior").randn("z", model.latent_dim))

    def refer(start: int, size: int) -> Tensor:
        if data.size is not None and start + size > data.size:
            raise ValueError(f"the {data.split} split has {data.size} samples, and the protocol asks for {total}")
        samples = data.batch(torch.arange(start, start + size), noise(start, size, "evaluation/data"))
        return samples.x.to(weight.device, weight.dtype)

    return ChunkedDraws(total, generate), ChunkedDraws(total, refer)
