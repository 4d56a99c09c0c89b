"""Kernel distance: the squared maximum mean discrepancy (MMD) of features under a polynomial kernel.

    MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean_{i,j} k(x_i, y_j),   k(x, y) = (x·y/F + 1)³

Bińkowski, Sutherland, Arbel & Gretton 2018, "Demystifying MMD GANs", https://arxiv.org/abs/1801.01401, section 4 and
appendix D. The estimate is unbiased: its mean does not depend on the number of samples, and it can be negative if both
sides are alike. It is averaged over random subsets, each drawn without replacement. With the features of the Inception
network it is known as KID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from genkit.api import (
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Extractor,
    Model,
    ModelMetric,
    PositiveInt,
    Split,
    features_of,
    protocol_of,
    seed_of,
)

DEGREE = 3
DEFAULT_SUBSET_SIZE = 1_000  # as published


def polynomial_kernel(x: Tensor, y: Tensor) -> Tensor:
    """Return k of all pairs of rows of x, (m, F), and y, (n, F), as (m, n)."""
    return (x @ y.T / x.shape[1] + 1) ** DEGREE


def squared_mmd(x: Tensor, y: Tensor) -> float:
    """Return the unbiased estimate of MMD² for x and y, (m, F) each; m is at least 2."""
    m = len(x)
    within = sum(((gram := polynomial_kernel(side, side)).sum() - gram.trace()) / (m * (m - 1)) for side in (x, y))
    return float(within - 2 * polynomial_kernel(x, y).mean())


@dataclass(frozen=True)
class KernelDistance(ModelMetric):
    """The squared MMD between the features of generated samples and of data, under a polynomial kernel."""

    features: Annotated[Extractor, Doc("Extractor of the features to compare; it is part of the protocol.")]
    samples: Annotated[PositiveInt, Doc("Number of generated samples, and of data samples to compare with.")] = 5_000
    split: Annotated[Split, Doc('Split of the data to compare with; "test" is the held-out split.')] = "test"
    subsets: Annotated[
        PositiveInt, Doc("Number of random subsets to average over; a subset of all samples is computed once.")
    ] = 100
    subset_size: Annotated[
        Annotated[int, Ge(2)] | None,
        Doc("Number of samples of each side in a subset; by default 1,000, or all samples if there are fewer."),
    ] = None

    def __post_init__(self) -> None:
        """Raise `ValueError` if a subset would need more samples than there are."""
        if self.subset_size is not None and self.subset_size > self.samples:
            raise ValueError(
                f"subset_size = {self.subset_size} exceeds samples = {self.samples}. "
                f"Set subset_size = {self.samples} or less"
            )

    @property
    def rows(self) -> int:
        """The number of samples of each side in a subset."""
        return min(DEFAULT_SUBSET_SIZE, self.samples) if self.subset_size is None else self.subset_size

    @property
    def draws(self) -> int:
        """The number of subsets that are drawn: one if a subset holds all samples."""
        return self.subsets if self.rows < self.samples else 1

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with kernel and subsets. Raises `ValueError` for samples that cannot be read."""
        details = {"kernel": "(x·y/F + 1)³", "subsets": f"{self.draws} of {self.rows}"}
        return protocol_of(self, self.features, data, details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the mean over the subsets. Raises `ValueError` if a side is not finite or all the same."""
        real = features_of(evaluation, "reference", self.features)
        fake = features_of(evaluation, "generated", self.features)
        total = 0.0
        for number in range(self.draws):
            # The seed is fixed, so that all models are compared on the same subsets.
            generator = torch.Generator().manual_seed(seed_of("kernel-distance", number))
            x, y = (torch.randperm(len(side), generator=generator)[: self.rows] for side in (real, fake))
            total += squared_mmd(real.some(x.numpy()), fake.some(y.numpy()))
        return total / self.draws
