"""Reconstructions of samples by an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.evaluation.samples import in_chunks

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


def reconstruct_samples(model: Autoencoder, x: Tensor, extra: Mapping[str, Tensor] = NOTHING) -> Tensor:
    """Return the reconstructions of x, (N, *data_shape), on the CPU, decoded from the posterior means in chunks.

    `extra` has the condition of the samples. Raises `ValueError` if a conditional network is given none.
    """
    with torch.no_grad():
        return in_chunks(model.reconstruct, x, model.data_shape, model.given_rows(extra))
