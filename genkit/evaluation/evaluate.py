"""Numbers about a trained model, each with the protocol that made it."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from traceback import extract_tb
from typing import Any, Literal

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from genkit.core.metric import BatchNormMode, Evaluation, EvaluationProtocol, Metric
from genkit.core.model import Model, evaluating
from genkit.core.noise import Noise, Rows, seed_of
from genkit.core.types import Dataset
from genkit.errors import UsageError
from genkit.evaluation.batch_norm import Norms, completed

CHUNK = 1000  # samples at a time at most, so that memory does not grow with their number ...
CHUNK_NUMBERS = 2**22  # ... nor with their size: 341 images of 64 x 64 in colour, 21 of 256 x 256


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
        """Return what `as_dict` wrote. Raises `ValueError` for anything else."""
        try:
            return TypeAdapter(cls).validate_json(json.dumps(facts), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


@dataclass(frozen=True)
class ChunkedDraws:
    """`total` samples in chunks; `chunk(start, size)` makes one, and is a pure function."""

    total: int
    chunk: Callable[[int, int], Tensor]
    rows: int = CHUNK  # samples in a chunk

    def __len__(self) -> int:
        return self.total

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the chunks, (b, *shape)."""
        for start in range(0, self.total, self.rows):
            yield self.chunk(start, min(self.rows, self.total - start))


def read_results(path: Path) -> list[Result]:
    """Return the results that a run wrote. Raises `UsageError`."""
    try:
        return [Result.from_dict(facts) for facts in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}). Where the run has its last checkpoint, delete it, and `genkit resume` "
            "computes the numbers again; `genkit eval` prints them anyhow."
        ) from None


def protocol_of(
    metric: Metric, data: Dataset, model: Model, batch_norm: BatchNormMode | None = None
) -> EvaluationProtocol:
    """Return how the number will be made, in the mode that `batch_norm` names or else the metric.

    Raises `ValueError` where it would be meaningless.
    """
    protocol = metric.protocol(data, model)
    if batch_norm is not None:
        protocol = replace(protocol, batch_norm=batch_norm)
    return completed(protocol, model, data, rows_of_chunk(data))


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
    shared: dict[Any, dict[Any, Any]] = defaultdict(dict)  # what metrics of the same draws have in common
    results = []
    for label, metric in metrics.items():
        protocol = protocol_of(metric, data, model_of("raw"), batch_norm)
        model, together = model_of(protocol.weights), shared[_same_draws(protocol)]
        results.append(_evaluate(label, metric, protocol, data, model, norms, seed, together))
    return results


def _same_draws(protocol: EvaluationProtocol) -> tuple[Any, ...]:
    return (protocol.samples, protocol.split, protocol.weights, protocol.batch_norm)


def _evaluate(
    label: str,
    metric: Metric,
    protocol: EvaluationProtocol,
    data: Dataset,
    model: Model,
    norms: Norms,
    seed: int,
    shared: dict[Any, Any],
) -> Result:
    data = data if protocol.split == data.split else data.held_out()
    generated, reference = draws(model, data, protocol.samples, seed)

    try:
        with evaluating(model), norms.normalising(model, protocol.batch_norm):
            value = _number(metric.compute(Evaluation(model, data, generated, reference, shared)))
    except ValueError as error:
        return Result(label, None, metric.better, protocol, str(error))
    except (UsageError, MemoryError):
        raise
    except Exception as error:  # a mistake in one metric must not cost the other numbers, nor a finished training
        return Result(label, None, metric.better, protocol, _mistake(metric, error))
    return Result(label, value, metric.better, protocol)


def _number(value: Any) -> float:
    """Return what a metric computed. Raises `ValueError` unless it is one finite number."""
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        shape = f" of the shape {tuple(value.shape)}" if isinstance(value, Tensor) else ""
        raise ValueError(f"compute returned a {type(value).__name__}{shape}, and a number is one float") from None
    if not math.isfinite(number):
        raise ValueError(f"it came out as {number}")
    return number


def _mistake(metric: Metric, error: Exception) -> str:
    """Tell who made a mistake, and where."""
    place = extract_tb(error.__traceback__)[-1]
    kind = type(metric)
    return (
        f"{kind.__module__}.{kind.__qualname__} failed with {type(error).__name__}: {error} "
        f"({Path(place.filename).name}, line {place.lineno}). Its author can mend it; `genkit eval` then computes it"
    )


def draws(model: Model, data: Dataset, total: int, seed: int) -> tuple[ChunkedDraws, ChunkedDraws]:
    """Return `total` samples of the model and as many of the data, each a pure function of the seed."""
    weight = next(model.parameters())

    def noise(start: int, size: int, source: str) -> Noise:
        return Noise(seed, start, source, Rows.all(size), weight.device, weight.dtype)

    def generate(start: int, size: int) -> Tensor:
        return model.sample(noise(start, size, "evaluation/prior").randn("z", model.latent_dim))

    def refer(start: int, size: int) -> Tensor:
        samples = data.batch(places()[start : start + size], noise(start, size, "evaluation/data"))
        return samples.x.to(weight.device, weight.dtype)

    places = cache(partial(subset, data, total))  # asked for when data are read: not every metric reads them
    rows = rows_of_chunk(data)
    return ChunkedDraws(total, generate, rows), ChunkedDraws(total, refer, rows)


def rows_of_chunk(data: Dataset) -> int:
    """Return how many samples are evaluated at a time."""
    return max(1, min(CHUNK, CHUNK_NUMBERS // math.prod(data.shape)))


def subset(data: Dataset, total: int) -> Tensor:
    """Return which `total` samples of a split are read, (total,) int64: the same ones whatever the seed of a run is.

    Not the first ones, nor every n-th: folders of images stand in the order of their classes, and digits of MNIST in
    that of their writers. Raises `ValueError` where there are fewer.
    """
    if data.size is None or total == data.size:
        return torch.arange(total)
    if total > data.size:
        raise ValueError(f"the {data.split} split has {data.size} samples, and the protocol asks for {total}")
    generator = torch.Generator().manual_seed(seed_of("evaluation/subset", data.size))
    return torch.randperm(data.size, generator=generator)[:total]
