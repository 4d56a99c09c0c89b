"""Features of generated samples and of data, computed once for all metrics that compare them.

Features are kept in files and read in chunks, so that memory does not grow with the number of samples. Features of
generated samples are deleted with the evaluation. Features of data stay in the cache if the extractor has weights.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Annotated, Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from genkit.bases.metrics.extraction import settings_of, write_features
from genkit.bases.metrics.feature_cache import cached_features
from genkit.bases.metrics.split import Split, require_split
from genkit.core.dataset import Dataset
from genkit.core.field_types import Doc
from genkit.core.metric import BatchNormMode, Draws, Evaluation, EvaluationProtocol, Extractor, ParallelMap
from genkit.errors import GenkitWarning, UsageError
from genkit.storage.cache import cache_folder
from genkit.storage.os_errors import describe_os_error

Side = Literal["generated", "reference"]
"""Samples of the model, or of the data."""

BLOCK = 1000  # features that are read at a time


@dataclass(frozen=True)
class Features:
    """The features of a fixed number of samples, in a file."""

    rows: Annotated[np.ndarray, Doc("Features of all samples, (N, F) float32, memory-mapped.")]

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the features in order, (b, F) float64 on the CPU."""
        for start in range(0, len(self.rows), BLOCK):
            yield self.some(np.arange(start, min(start + BLOCK, len(self.rows))))

    def some(self, indices: np.ndarray) -> Tensor:
        """Return the features of the samples at these indices, (b, F) float64 on the CPU."""
        return torch.from_numpy(np.asarray(self.rows[indices], np.float64))


class TwoSampleMetric(Protocol):
    """The keys of a metric that compares generated samples with as many samples of the data."""

    @property
    def samples(self) -> int:
        """Number of generated samples, and of samples of the data."""
        ...

    @property
    def weights(self) -> Literal["raw", "ema"]:
        """Weights to evaluate."""
        ...

    @property
    def batch_norm(self) -> BatchNormMode | None:
        """Statistics that batch norm uses; None for those of training."""
        ...

    @property
    def split(self) -> Split:
        """Split of the data to compare with."""
        ...


def protocol_of(
    metric: TwoSampleMetric, extractor: Extractor, data: Dataset, details: Mapping[str, str | int | float]
) -> EvaluationProtocol:
    """Return the protocol of a metric of features.

    Raises `ValueError` if the extractor cannot read samples of this shape, or the split is not available or too small.
    """
    shape = tuple(data.shape)
    extractor.width(shape)  # raises
    return EvaluationProtocol(
        metric.samples,
        require_split(data, metric.split, metric.samples),
        metric.weights,
        metric.batch_norm,
        extractor=" ".join(filter(None, (extractor.name, extractor.digest[:8]))),
        resize=extractor.resize(shape),
        quantised=len(shape) == 3,
        details=details,
    )


def features_of(evaluation: Evaluation, side: Side, extractor: Extractor) -> Features:
    """Return the features of one side. Images are first rounded to 8 bits, as if they had been saved.

    Warns where the cache folder cannot be used; the features are then in the system's folder of temporary files. The
    end of a training is no time to refuse.

    Raises `ValueError` if samples or features are not finite or all the same, and `UsageError` if the features cannot
    be written.
    """
    key = ("features", side, settings_of(extractor))
    if key not in evaluation.shared:
        draws: Draws = getattr(evaluation, side)
        evaluation.shared[key] = Features(_stored_features(draws, side, extractor, evaluation.parallel_map))
    return evaluation.shared[key]


def _stored_features(draws: Draws, side: Side, extractor: Extractor, parallel_map: ParallelMap) -> np.ndarray:
    """Return features, (N, F) float32, memory-mapped, in the cache folder if possible."""
    store = cached_features if side == "reference" and extractor.digest else _temporary_features
    try:
        folder = cache_folder() / "features"
    except UsageError as error:  # the home folder is unknown
        warnings.warn(f"features are not kept: {error}", GenkitWarning, stacklevel=2)
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return store(draws, side, extractor, folder, parallel_map)
        except OSError as error:
            warnings.warn(
                f"{folder}: features are not kept: {describe_os_error(error, folder)}. "
                "Set GENKIT_CACHE to another folder.",
                GenkitWarning,
                stacklevel=2,
            )
    elsewhere = Path(gettempdir())
    try:
        return _temporary_features(draws, side, extractor, elsewhere, parallel_map)
    except OSError as error:
        raise UsageError(
            f"{elsewhere}: features cannot be written: {describe_os_error(error, elsewhere)}. "
            "Set GENKIT_CACHE or TMPDIR to another folder."
        ) from error


def _temporary_features(
    draws: Draws, side: str, extractor: Extractor, folder: Path, parallel_map: ParallelMap
) -> np.ndarray:
    """Return features, (N, F) float32, memory-mapped from an unnamed file that the system deletes after use."""
    with TemporaryFile(dir=folder) as file:
        width = write_features(draws, side, extractor, file, parallel_map)
        return np.memmap(file, np.float32, "r", shape=(len(draws), width))
