"""Reconstructions of samples by an autoencoder."""

from __future__ import annotations

import torch
from torch import Tensor

from genkit.core.model import Autoencoder
from genkit.evaluation.samples import in_chunks


def reconstruct_samples(model: Autoencoder, x: Tensor) -> Tensor:
    """Return the reconstructions of x, (N, *data_shape), on the CPU, decoded from the posterior means in chunks."""
    with torch.no_grad():
        return in_chunks(model.reconstruct, x, model.data_shape)
