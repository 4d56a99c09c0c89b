"""Cache of the features of data, verified whenever a file is read.

An extractor with weights takes time, and every evaluation reads the same data. The name of a file is a digest of the
samples, to the bit, and of the extractor, so files never need an update. A deleted file is computed again.

CACHE/features/3f0c...f32    (N, F) float32, followed by a digest of these bytes, which reveals a damaged file
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO

import numpy as np

from genkit.bases.metrics.extraction import quantised_samples, settings_of, write_features
from genkit.core.metric import Draws, Extractor, ParallelMap
from genkit.storage.atomic import partial_path
from genkit.storage.shared_folder import delete_leftovers, lock_of

FORMAT = 3  # of the files and of `quantised`: increase it when either changes
DIGEST_BYTES, CHUNK_BYTES = 16, 2**20


def cached_features(
    draws: Draws, side: str, extractor: Extractor, folder: Path, parallel_map: ParallelMap
) -> np.ndarray:
    """Return the features of all samples, (N, F) float32, memory-mapped; compute them if no intact file holds them.

    Of several processes that need the same features, one computes them and the others wait.

    Raises `ValueError` if samples or features are not finite or all the same, and `OSError`.
    """
    key, shape = _key_of(draws, side, extractor)
    rows, width = len(draws), extractor.width(shape)
    path = folder / f"{key}.f32"
    size = 4 * rows * width
    if not _is_intact(path, size):  # reading needs no lock, which another user may not take: files are never changed
        with lock_of(path):
            if not _is_intact(path, size):
                delete_leftovers(folder)
                _write_whole(path, size, draws, side, extractor, parallel_map)
    return np.memmap(path, np.float32, "r", shape=(rows, width))


def _key_of(draws: Draws, side: str, extractor: Extractor) -> tuple[str, tuple[int, ...]]:
    """Return a digest of the samples and of all else that their features depend on, and the shape of a sample."""
    digest = hashlib.blake2b(digest_size=12)
    shape: tuple[int, ...] = ()
    for chunk in quantised_samples(draws, side):
        digest.update(chunk.cpu().contiguous().numpy().data)
        shape = tuple(chunk.shape[1:])
        device = chunk.device.type  # the last digits of features differ between kinds of devices
    facts = [FORMAT, len(draws), shape, settings_of(extractor), extractor.digest, extractor.resize(shape), device]
    digest.update(json.dumps(facts).encode())
    return digest.hexdigest(), shape


def _write_whole(
    path: Path, size: int, draws: Draws, side: str, extractor: Extractor, parallel_map: ParallelMap
) -> None:
    """Write a file of `size` bytes of features and their digest; it appears under its name once it is complete."""
    partial = partial_path(path)
    try:
        with partial.open("w+b") as file:
            write_features(draws, side, extractor, file, parallel_map)
            file.write(_digest_of_features(file, size))
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _is_intact(path: Path, size: int) -> bool:
    """Return whether the file exists, complete, with features of `size` bytes that match their digest."""
    if not path.is_file() or path.stat().st_size != size + DIGEST_BYTES:
        return False
    with path.open("rb") as file:
        return _digest_of_features(file, size) == file.read()


def _digest_of_features(file: IO[bytes], size: int) -> bytes:
    """Return a digest of the first `size` bytes of a file and leave the file position after them."""
    file.seek(0)
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for start in range(0, size, CHUNK_BYTES):
        digest.update(file.read(min(CHUNK_BYTES, size - start)))
    return digest.digest()
