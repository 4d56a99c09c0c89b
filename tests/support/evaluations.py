"""Evaluations of given samples, without a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from genkit.api import Dataset, Evaluation, Metric
from genkit.parts.datasets.eight_gaussians import EightGaussians


@dataclass(frozen=True)
class Chunks:
    """Given samples, in chunks of `rows`."""

    x: torch.Tensor
    rows: int = 700

    def __len__(self) -> int:
        return len(self.x)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.x.split(self.rows))


def normal(number: int, size: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    """Return draws of N(shift, scale²), (number, size)."""
    return scale * torch.randn(number, size, generator=torch.Generator().manual_seed(seed)) + shift


def evaluation_of(generated: torch.Tensor, reference: torch.Tensor, data: Dataset | None = None) -> Evaluation:
    """Return an evaluation that reads these samples."""
    return Evaluation(None, data or EightGaussians(), Chunks(generated), Chunks(reference))


def value(metric: Metric, generated: torch.Tensor, reference: torch.Tensor) -> float:
    """Return the value of a metric for these samples."""
    return metric.compute(evaluation_of(generated, reference))
