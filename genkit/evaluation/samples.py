"""Inputs for pictures of a model: fixed latent codes and fixed held-out samples, and running networks on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.dataset import Dataset
from genkit.core.model import Model
from genkit.core.noise import Noise, Rows

IMAGE_CHUNK, POINT_CHUNK = 16, 8192  # samples in one call of a network


class SelectedSamples(NamedTuple):
    """Held-out samples and their indices."""

    x: Tensor  # (B, *data_shape), in the model's dtype and on its device
    indices: Tensor | None  # indices in the held-out split, (B,) int64; None for a density
    extra: Mapping[str, Tensor] = {}  # labels and similar, each (B, ...), on the CPU


def latent_codes(count: int, model: Model, noise: Noise) -> Tensor:
    """Return draws from the prior in the model's dtype and on its device, (count, L).

    `noise` with equal seed and step gives equal codes.
    """
    return model.prior.sample(_noise_of_codes(count, model, noise))


def decoded_codes(
    count: int, model: Model, noise: Noise, labels: Tensor | None = None, first: int | None = None
) -> Tensor:
    """Return the samples that `latent_codes` decode to, (count, *data_shape), on the CPU, or the `first` of them.

    A conditional model generates samples of the classes `labels`, (count,), or else of drawn ones.
    """
    condition = model.draw_condition(_noise_of_codes(count, model, noise)) if labels is None else {LABEL: labels}
    with model.given(condition):
        codes = latent_codes(count, model, noise)
    return in_chunks(model.sample, codes[:first], model.data_shape, model.given_rows(condition))


def labels_in_turn(count: int, model: Model, in_a_row: int = 1) -> Tensor | None:
    """Return labels in ascending order, `in_a_row` of each class, again from 0 after the last, (count,) int64.

    None for a model that is not conditional.
    """
    classes = model.condition_classes
    return None if classes is None else torch.arange(count) // in_a_row % classes


def _noise_of_codes(count: int, model: Model, noise: Noise) -> Noise:
    weight = next(model.parameters())
    return replace(noise, rows=Rows.all(count), device=weight.device, dtype=weight.dtype).of("preview")


def select_samples(count: int, model: Model, held_out: Dataset, noise: Noise) -> SelectedSamples:
    """Return `count` samples of the held-out split, or all of them if it has fewer."""
    return _selected(Rows.all(min(count, _size(count, held_out))), model, held_out, noise)


def selected_in_chunks(
    count: int, model: Model, held_out: Dataset, noise: Noise
) -> Iterator[tuple[Rows, SelectedSamples]]:
    """Yield the samples of `select_samples` a few rows at a time, so that memory does not grow with their number."""
    count = min(count, _size(count, held_out))
    size = _chunk(model.data_shape)
    for start in range(0, count, size):
        rows = Rows(start, min(start + size, count), count)
        yield rows, _selected(rows, model, held_out, noise)


def _selected(rows: Rows, model: Model, held_out: Dataset, noise: Noise) -> SelectedSamples:
    size = _size(rows.total, held_out)
    # Spread over the split, because many data sets are sorted by class.
    indices = torch.arange(rows.start, rows.stop) * size // rows.total
    found = held_out.batch(indices, Noise(noise.seed, noise.step, "preview-data", rows))
    x = found.x.to(next(model.parameters()))
    return SelectedSamples(x, None if held_out.size is None else indices, found.extra)


def _size(count: int, held_out: Dataset) -> int:
    return count if held_out.size is None else held_out.size


def describe_samples(count: int, held_out: Dataset) -> str:
    """Return a description of held-out samples, without their number: ``samples of the test split``."""
    plural = "s" * (count != 1)
    return (
        f"fresh draw{plural} of the data" if held_out.size is None else f"sample{plural} of the {held_out.split} split"
    )


def in_chunks(
    network: Callable[[Tensor], Tensor],
    x: Tensor,
    data_shape: tuple[int, ...],
    given: Callable[[slice], AbstractContextManager[None]] | None = None,
) -> Tensor:
    """Return network(x) on the CPU, computed a few rows at a time so that memory does not grow with their number.

    `data_shape` is the shape of one sample, which decides the number of rows: fewer for images than for points. `given`
    sets the condition of some rows: `Model.given_rows`. The network also runs on no rows, (0, ...), for the shape.
    """
    size = _chunk(data_shape)
    outputs = []
    for start in range(0, max(1, len(x)), size):
        rows = slice(start, min(start + size, len(x)))
        with given(rows) if given is not None else nullcontext():
            outputs.append(network(x[rows]).cpu())
    return torch.cat(outputs)


def _chunk(data_shape: tuple[int, ...]) -> int:
    return IMAGE_CHUNK if len(data_shape) == 3 else POINT_CHUNK
