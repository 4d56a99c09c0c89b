"""Draws through an extractor: once for all metrics that read the same draws, and of the data once for all evaluations.

Features lie on disk and are read back in chunks, so that memory does not grow with the number of samples. Those of
generated samples are gone with the evaluation. Those of the data are kept, where an extractor has weights and so takes
its time, under a digest of all that they depend on: the samples themselves, to the bit, and the extractor. Deleting
them costs nothing but their making.

CACHE/features/3f0c...f32    (N, F) float32, and a digest of it, with which a damaged file is found and made again
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Literal, Protocol

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from genkit.core.field_types import Doc
from genkit.core.metric import BatchNormMode, Draws, Evaluation, EvaluationProtocol, Extractor
from genkit.core.types import Dataset
from genkit.errors import UsageError
from genkit.parts.metrics.split import Split, readable_split
from genkit.storage.cache import cache_folder
from genkit.storage.os_errors import describe_os_error

Side = Literal["generated", "reference"]

FORMAT = 3  # of the files, and of how samples come to an extractor: a change of either makes other features
BATCH = 50  # samples that an extractor sees at once
BLOCK = 1000  # features that are read back at once
ALIKE = 1e-5  # of the largest feature: what rounding alone makes of one sample in two batches
DIGEST_BYTES, CHUNK_BYTES = 16, 2**20
SUFFIX, PARTIAL = ".f32", ".partial"


@dataclass(frozen=True)
class Features:
    """The features of some draws, on disk."""

    rows: Annotated[np.ndarray, Doc("(N, F) float32, memory-mapped")]

    def __len__(self) -> int:
        """The number of samples."""
        return len(self.rows)

    def __iter__(self) -> Iterator[Tensor]:
        """Yield the features in order, (b, F) float64 on the CPU."""
        for start in range(0, len(self.rows), BLOCK):
            yield self.some(np.arange(start, min(start + BLOCK, len(self.rows))))

    def some(self, indices: np.ndarray) -> Tensor:
        """Return the features of the samples at these indices, (b, F) float64 on the CPU."""
        return torch.from_numpy(np.asarray(self.rows[indices], np.float64))


class ReadsBothSides(Protocol):
    """The keys that metrics of generated samples beside the data have in common."""

    @property
    def samples(self) -> int: ...  # noqa: D102
    @property
    def weights(self) -> Literal["raw", "ema"]: ...  # noqa: D102
    @property
    def batch_norm(self) -> BatchNormMode | None: ...  # noqa: D102
    @property
    def split(self) -> Split: ...  # noqa: D102


def protocol_of(
    metric: ReadsBothSides, extractor: Extractor, data: Dataset, details: Mapping[str, str | int | float]
) -> EvaluationProtocol:
    """Return the protocol of a metric of features. Raises `ValueError` for samples that cannot be read."""
    shape = tuple(data.shape)
    extractor.width(shape)  # raises
    return EvaluationProtocol(
        metric.samples,
        readable_split(data, metric.split, metric.samples),
        metric.weights,
        metric.batch_norm,
        extractor=" ".join(filter(None, (extractor.name, extractor.digest[:8]))),
        resize=extractor.resize(shape),
        quantised=len(shape) == 3,
        details=details,
    )


def features_of(evaluation: Evaluation, side: Side, extractor: Extractor) -> Features:
    """Return the features of one side. Images are rounded to 8 bits first, as if they had been saved.

    Raises `ValueError` if samples or features are not finite or all the same, and `UsageError` where nothing can be
    written.
    """
    key = ("features", side, settings_of(extractor))
    if key not in evaluation.shared:
        draws: Draws = getattr(evaluation, side)
        folder = cache_folder() / "features"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            keep = side == "reference" and extractor.digest
            evaluation.shared[key] = (_kept if keep else _made)(draws, side, extractor, folder)
        except OSError as error:
            raise UsageError(
                f"{folder}: features cannot be written: {describe_os_error(error, folder)}. "
                "Set GENKIT_CACHE to another folder."
            ) from error
    return evaluation.shared[key]


def settings_of(extractor: Extractor) -> str:
    """Return the class of an extractor and its keys: what tells it from others, even from those of the same name."""
    return f"{type(extractor).__module__}.{extractor!r}"


def as_read(draws: Draws, side: str) -> Iterator[Tensor]:
    """Yield the samples, (b, *shape) float32: images clamped to [0, 1] and rounded to 8 bits, others as they are.

    Raises `ValueError` if any is not finite.
    """
    for chunk in draws:
        lost = len(chunk) - int(chunk.flatten(1).isfinite().all(dim=1).sum())
        if lost:
            raise ValueError(f"{lost} of {len(chunk)} {side} samples are not finite")
        yield ((chunk.clamp(0, 1) * 255).round() / 255 if chunk.dim() == 4 else chunk).float()


def _made(draws: Draws, side: str, extractor: Extractor, folder: Path) -> Features:
    """Return features in a file that has no name, and is gone with the last who reads it."""
    with TemporaryFile(dir=folder) as file:
        width = _write(draws, side, extractor, file)
        return Features(np.memmap(file, np.float32, "r", shape=(len(draws), width)))


def _kept(draws: Draws, side: str, extractor: Extractor, folder: Path) -> Features:
    """Return features from a file that is made if it is not there: whole, or not under its name."""
    name, shape = _digest(draws, side, extractor)
    path, size = folder / f"{name}{SUFFIX}", 4 * len(draws) * extractor.width(shape)
    with FileLock(folder / f"{name}.lock"):
        if not _is_whole(path, size):
            _sweep(folder)
            unfinished = folder / f"{name}{PARTIAL}"
            try:
                with unfinished.open("w+b") as file:
                    _write(draws, side, extractor, file)
                    file.write(_digest_of_rows(file, size))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(unfinished, path)
            finally:
                unfinished.unlink(missing_ok=True)
    return Features(np.memmap(path, np.float32, "r", shape=(len(draws), extractor.width(shape))))


def _write(draws: Draws, side: str, extractor: Extractor, file: IO[bytes]) -> int:
    """Write the features of all draws and return how many each sample has. Written, not mapped: disks fill up."""
    first = None
    for batch in (batch for chunk in as_read(draws, side) for batch in chunk.split(BATCH)):
        features = extractor(batch).float().cpu().contiguous()
        wanted = (len(batch), extractor.width(tuple(batch.shape[1:])))
        if features.shape != wanted:
            raise ValueError(
                f'the extractor "{extractor.name}" made features of the shape {tuple(features.shape)} of '
                f"{len(batch)} samples, and states a width of {wanted[1]}, so they should be {wanted}"
            )
        if not features.isfinite().all():
            raise ValueError(f"the features of {side} samples are not finite")
        file.write(features.numpy().data)
        if first is None:
            first, spread, size = features[0], features.new_zeros(()), features.new_zeros(())
        spread = torch.maximum(spread, (features - first).abs().max())
        size = torch.maximum(size, features.abs().max())
    file.flush()
    if first is None or spread <= ALIKE * size:
        raise ValueError(f"all {side} samples have the same features: there is no distribution to compare")
    return len(first)


def _digest(draws: Draws, side: str, extractor: Extractor) -> tuple[str, tuple[int, ...]]:
    """Return a digest of the samples and of all else that their features depend on, and the shape of a sample."""
    made = hashlib.blake2b(digest_size=12)
    shape: tuple[int, ...] = ()
    for chunk in as_read(draws, side):
        made.update(chunk.cpu().contiguous().numpy().data)
        shape = tuple(chunk.shape[1:])
        device = chunk.device.type  # kernels differ, in the last digits
    facts = [FORMAT, len(draws), shape, settings_of(extractor), extractor.digest, extractor.resize(shape), device]
    made.update(json.dumps(facts).encode())
    return made.hexdigest(), shape


def _is_whole(path: Path, size: int) -> bool:
    if not path.is_file() or path.stat().st_size != size + DIGEST_BYTES:
        return False
    with path.open("rb") as file:
        return _digest_of_rows(file, size) == file.read()


def _digest_of_rows(file: IO[bytes], size: int) -> bytes:
    """Return a digest of the first `size` bytes of a file, and leave it there."""
    file.seek(0)
    made = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for start in range(0, size, CHUNK_BYTES):
        made.update(file.read(min(CHUNK_BYTES, size - start)))
    return made.digest()


def _sweep(folder: Path) -> None:
    """Delete what killed processes have left: whoever still writes holds the lock of its file."""
    for left in folder.glob(f"*{PARTIAL}"):
        with suppress(Timeout, OSError), FileLock(left.with_suffix(".lock")).acquire(timeout=0):
            left.unlink(missing_ok=True)
