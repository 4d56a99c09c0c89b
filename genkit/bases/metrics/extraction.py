"""Extraction of features: samples are checked, images rounded to 8 bits, and the extractor called in batches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO

import torch
from torch import Tensor

from genkit.core.metric import Draws, Extractor, ParallelMap

EXTRACTOR_BATCH = 50  # samples in one call of an extractor
SAME_FEATURES = 1e-5  # of the largest feature; rounding alone makes one sample differ by less between two batches


def settings_of(extractor: Extractor) -> str:
    """Return the class and the keys of an extractor, which identify it even among extractors of the same name."""
    return f"{type(extractor).__module__}.{extractor!r}"


def quantised_samples(draws: Draws, side: str) -> Iterator[Tensor]:
    """Yield the samples as extractors read them, (b, *shape) float32. Raises `ValueError` if one is not finite."""
    for chunk in draws:
        yield quantised(chunk, side)


def quantised(chunk: Tensor, side: str) -> Tensor:
    """Return samples as extractors read them, (b, *shape) float32.

    Images are clamped to [0, 1] and rounded to 8 bits, as if they had been saved. Other samples are not changed.

    Raises `ValueError` if a sample is not finite.
    """
    not_finite = len(chunk) - int(chunk.flatten(1).isfinite().all(dim=1).sum())
    if not_finite:
        raise ValueError(f"{not_finite} of {len(chunk)} {side} samples are not finite")
    return ((chunk.clamp(0, 1) * 255).round() / 255 if chunk.dim() == 4 else chunk).float()


def features_of_chunk(extractor: Extractor, side: str, chunk: Tensor) -> Tensor:
    """Return the features of samples, (b, *shape), as (b, F) float32 on the CPU.

    Raises `ValueError` if features are not finite or have another width than the extractor states.
    """
    found = []
    for batch in quantised(chunk, side).split(EXTRACTOR_BATCH):
        features = extractor(batch).float().cpu().contiguous()
        expected = (len(batch), extractor.width(tuple(batch.shape[1:])))
        if features.shape != expected:
            raise ValueError(
                f'extractor "{extractor.name}": returned features of shape {tuple(features.shape)}, expected '
                f"{expected}. Make its `width` and `__call__` agree"
            )
        if not features.isfinite().all():
            raise ValueError(f"the features of {side} samples are not finite")
        found.append(features)
    return torch.cat(found)


def write_features(draws: Draws, side: str, extractor: Extractor, file: IO[bytes], parallel_map: ParallelMap) -> int:
    """Write the features of all samples as (N, F) float32 and return F.

    The file is not memory-mapped here: on a full disk, a write raises `OSError`, while a map would kill the process.

    Raises `ValueError` if samples or features are not finite or all the same, and `OSError`.
    """
    first = None
    for features in parallel_map(partial(features_of_chunk, extractor, side), draws):
        file.write(features.numpy().data)
        if first is None:
            first, spread, size = features[0], features.new_zeros(()), features.new_zeros(())
        spread = torch.maximum(spread, (features - first).abs().max())
        size = torch.maximum(size, features.abs().max())
    file.flush()
    if first is None or spread <= SAME_FEATURES * size:
        raise ValueError(f"all {side} samples have the same features, so there is no distribution to compare")
    return len(first)
