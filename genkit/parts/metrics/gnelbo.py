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

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import torch
from torch import Tensor

from genkit.api import (
    Autoencoder,
    Dataset,
    Doc,
    Evaluation,
    EvaluationProtocol,
    Model,
    ModelMetric,
    PositiveInt,
    SquaredError,
    box_half_width,
    box_text,
    energy,
    part_name,
)

NODES = 1024  # of the grid along each axis
CHUNK = 8192  # nodes that the networks read at a time


def nodes(half_width: float, start: int, stop: int) -> Tensor:
    """Return the nodes start ... stop - 1 of the grid over [-w, w]², (n, 2) float64. Its corners are nodes."""
    along = torch.linspace(-half_width, half_width, NODES, dtype=torch.float64)
    number = torch.arange(start, min(stop, NODES**2))
    return torch.stack([along[number // NODES], along[number % NODES]], dim=1)


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
            raise ValueError("the model has no ELBO; this metric needs an autoencoder. Leave it out")
        if model.needs_class:
            raise ValueError("the networks of the model need a class, but nodes of the grid have none. Leave it out")
        details = {"box": box_text(half_width), "grid": f"{NODES} x {NODES}", "reconstruction": "of the posterior mean"}
        if model.reconstruction_error != SquaredError():
            details["error"] = part_name(model.reconstruction_error)
        return EvaluationProtocol(self.samples, data.held_out().split, self.weights, self.batch_norm, details=details)

    def compute(self, evaluation: Evaluation) -> float:
        """Return the ratio. Raises `ValueError` if the ELBO of a point is not finite."""
        model = evaluation.model
        assert isinstance(model, Autoencoder)  # `protocol` refuses other models
        half_width, starts = box_half_width(evaluation.data), range(0, NODES**2, CHUNK)
        of_grid = sum(evaluation.parallel_map(partial(_energy_of_nodes, model, half_width), starts), 0.0)
        of_data = sum(evaluation.parallel_map(partial(_energy, model, "data"), evaluation.reference), 0.0)
        return of_data / len(evaluation.reference) / (of_grid + of_data)


def _energy_of_nodes(model: Autoencoder, half_width: float, start: int) -> float:
    return _energy(model, "nodes of the grid", nodes(half_width, start, start + CHUNK).to(next(model.parameters())))


def _energy(model: Autoencoder, points: str, x: Tensor) -> float:
    """Return Σ e(x) over a chunk, summed in float64. Raises `ValueError` if a term is not finite."""
    with model.given(None):  # nodes have no class, so the data have none either
        energies = energy(model, x).double()
    if not energies.isfinite().all():
        raise ValueError(f"the ELBO of some {points} is not finite")
    return energies.sum().item()
