"""Inputs for pictures of a model: fixed latent codes and fixed held-out samples, and running networks on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from genkit.core.model import Model
from genkit.core.noise import Noise, Rows
from genkit.core.types import Dataset

IMAGE_CHUNK, POINT_CHUNK = 16, 8192  # samples in one call of a network


class SelectedSamples(NamedTuple):
    """Held-out samples and their indices."""

    x: Tensor  # (B, *data_shape), in the model's dtype and on its device
    indices: Tensor | None  # indices in the held-out split, (B,) int64; None for a density


def latent_codes(count: int, model: Model, noise: Noise) -> Tensor:
    """Return draws from the prior in the model's dtype and on its device, (count, L).

    `noise` with equal seed and step gives equal codes.
    """
    weight = next(model.parameters())
    drawn = replace(noise, rows=Rows.all(count), device=weight.device, dtype=weight.dtype).of("preview")
    return model.prior.sample(drawn)


def select_samples(count: int, model: Model, held_out: Dataset, noise: Noise) -> SelectedSamples:
    """Return `count` samples of the held-out split, or all of them if it has fewer."""
    size = count if held_out.size is None else held_out.size
    count = min(count, size)
    # Spread over the split, because many data sets are sorted by class.
    indices = torch.arange(count) * size // count
    drawn = Noise(noise.seed, noise.step, "preview-data", Rows.all(count))
    x = held_out.batch(indices, drawn).x.to(next(model.parameters()))
    return SelectedSamples(x, None if held_out.size is None else indices)


def describe_samples(count: int, held_out: Dataset) -> str:
    """Return a description of held-out samples, without their number: ``samples of the test split``."""
    plural = "s" * (count != 1)
    return (
        f"fresh draw{plural} of the data" if held_out.size is None else f"sample{plural} of the {held_out.split} split"
    )


def in_chunks(network: Callable[[Tensor], Tensor], x: Tensor, data_shape: tuple[int, ...]) -> Tensor:
    """Return network(x) on the CPU, computed a few rows at a time so that memory does not grow with their number.

    `data_shape` is the shape of one sample, which decides the number of rows: fewer for images than for points.
    """
    rows = IMAGE_CHUNK if len(data_shape) == 3 else POINT_CHUNK
    return torch.cat([network(chunk).cpu() for chunk in x.split(rows)])
