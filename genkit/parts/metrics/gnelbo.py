"""Grid-normalised ELBO (gnELBO) of 2-D points, a number that the published 2-D code prints.

    gnELBO = mean_n e(x_n) / ( Σ_k e(g_k) + Σ_n e(x_n) ),   e(x) = KL(q(z|x) || p) + R(x, D(μ(x)))

p is the prior, N(0, I) by default, x_n are 100 · 128 points of the data, g_k the 1024 x 1024 nodes of a grid over the
box, its border included, and e is the negative ELBO with weights of 1, whatever the weights of the loss. Lower is
better. The consequences:

- a model for which data are like any other point of the box has 1/(1024² + 12,800) = 9.4e-7;
- the number also falls if e grows far from the data, without bound, while e of the data stays the same;
- it depends on the box and the grid: it is no likelihood, and numbers of two data sets cannot be compared.

Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253;
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py,
`calculate_elbo_with_grid`. Deviation: the sums are in float64; a float32 sum of a million terms loses digits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.core.elbo import energy
from genkit.core.field_types import Doc, PositiveInt
from genkit.core.metric import Evaluation, EvaluationProtocol
from genkit.core.model import Autoencoder, Model
from genkit.core.types import Dataset
from genkit.parts.metrics.base import ModelMetric
from genkit.parts.metrics.histogram_2d import box_half_width, box_text

NODES = 1024  # of the grid along each axis
CHUNK = 8192  # nodes that the networks read at a time


def grid(half_width: float) -> Tensor:
    """Return the nodes of the grid over [-w, w]², (NODES², 2), with the four corners."""
    along = torch.linspace(-half_width, half_width, NODES, dtype=torch.float64)
    return torch.cartesian_prod(along, along)


@dataclass(frozen=True)
class GridNormalisedELBO(ModelMetric):
    """The published gnELBO of 2-D points: the mean negative ELBO of data, divided by its sum over data and a grid."""

    samples: Annotated[PositiveInt, Doc("Number of data samples; 12,800 as published, and more give lower values.")] = (
        12_800
    )

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Lower is better."""
        return "lower"

    def protocol(self, data: Dataset, model: Model) -> EvaluationProtocol:
        """Return the protocol, with the grid. Raises `ValueError` unless an autoencoder models a 2-D density."""
        half_width = box_half_width(data)
        if not isinstance(model, Autoencoder):
            raise ValueError(f"a {type(model).__name__} has no ELBO; this metric needs an autoencoder. Leave it out")
        details = {"box": box_text(half_width), "grid": f"{NODES} x {NODES}", "reconstruction": "of the posterior mean"}
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the ratio. Raises `ValueError` if the ELBO of a point is not finite."""
        model = evaluation.model
        assert isinstance(model, Autoencoder)  # `protocol` refuses other models
        nodes = grid(box_half_width(evaluation.data)).to(next(model.parameters()))
        of_grid = _sum_of_energies(model, nodes.split(CHUNK), "nodes of the grid")
        of_data = _sum_of_energies(model, evaluation.reference, "data")
        return of_data / len(evaluation.reference) / (of_grid + of_data)


def _sum_of_energies(model: Autoencoder, chunks: Iterable[Tensor], points: str) -> float:
    """Return Σ e(x) over all chunks, summed in float64. Raises `ValueError` if a term is not finite."""
    total = 0.0
    for x in chunks:
        energies = energy(model, x).double()
        if not energies.isfinite().all():
            raise ValueError(f"the ELBO of some {points} is not finite")
        total += energies.sum().item()
    return total
