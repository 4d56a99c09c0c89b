"""The `batch` of a data set that loads and finishes its samples in two steps."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from genkit.core.dataset import Samples, TwoStepDataset
from genkit.core.noise import Noise

CPU = torch.device("cpu")


def batch_in_two_steps(data: TwoStepDataset, indices: Tensor, noise: Noise) -> Samples:
    """Return the samples at `indices`, (B,), on the device of `noise`: the `batch` of a `TwoStepDataset`."""
    raw = data.load(indices, replace(noise, device=CPU))
    on_device = {name: tensor.to(noise.device) for name, tensor in raw.tensors.items()}
    return data.finish(raw._replace(tensors=on_device), noise)
