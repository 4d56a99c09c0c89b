"""Codes that a page shows: draws of the prior, paths, and the directions in which samples change most.

Directions of greatest effect. The decoder maps a code z to a sample f(z). A small step ε along a unit vector v
changes the sample by ε²·vᵀG(z)v in squared error, where G(z) = J(z)ᵀJ(z) is the metric that the decoder pulls back to
the latent space (Arvanitidis et al. 2018, https://arxiv.org/abs/1710.11379). The directions are the eigenvectors of its
mean over draws of the prior, largest eigenvalue first. Zhu et al. 2021 (https://arxiv.org/abs/2106.04488) edit images
along eigenvectors of JᵀJ at one code; the mean over draws gives all codes the same sliders. Dimensions of largest KL
would need an encoder and data, and are axes, which N(0, I) does not prefer to other directions.

Central differences over `STEP` standard deviations replace derivatives: they need decoded samples only, so they work
for every network.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genkit.core.condition import LABEL
from genkit.core.latent_paths import PATHS
from genkit.notebook.labels import labels_of_rows
from genkit.notebook.trained_model import TrainedModel
from genkit.runs.trained_models.interpolate import choose_path
from genkit.runs.trained_models.trained import draw_codes, draw_labels

STEP = 0.05  # of the differences, in standard deviations of the prior
DECODED = 2_048  # samples that are decoded for the directions, about
FEWEST, MOST = 4, 64  # codes at which the decoder is differentiated
POSITIONS = 100  # steps of a path


class Directions(NamedTuple):
    """Directions in the latent space, that of greatest effect first."""

    vectors: Tensor  # (K, L), orthonormal; the entry of largest magnitude of each is positive
    spreads: Tensor  # (K,): the standard deviation of the prior along each
    shares: Tensor  # (K,): share of the mean squared change of a sample that each accounts for; all L sum to 1


def drawn_codes(model: TrainedModel, number: int, seed: int, label: str | None = None) -> Tensor:
    """Return the codes, (number, L), that `model.sample(number, seed, label)` decodes, on the CPU."""
    labels = labels_of_rows(model.module, label, number, "class")
    labels = draw_labels(model.module, number, seed) if labels is None else labels
    with model.module.given(None if labels is None else {LABEL: labels}):
        return draw_codes(model.module, number, seed).cpu()


def path_between(model: TrainedModel, a: Tensor, b: Tensor) -> Tensor:
    """Return `POSITIONS` + 1 codes between codes a and b, (1, L) each, both included: (POSITIONS + 1, L).

    The path is the one that suits the prior: an arc for N(0, I), else a straight line, as `genkit interpolate` has it.
    """
    return PATHS[choose_path(None, model.module)](a, b, POSITIONS + 1)[0]


def find_directions(model: TrainedModel, number: int, label: str | None = None) -> Directions:
    """Return at most `number` directions of greatest effect. They depend on the model and the class only."""
    size = model.latent_dim
    points = max(FEWEST, min(MOST, DECODED // (2 * size)))
    codes = drawn_codes(model, points, 0, label)
    spread = drawn_codes(model, 1_024, 0, label).double()
    step = STEP * spread.std(dim=0).mean().item()
    metric = torch.zeros(size, size, dtype=torch.float64)
    steps = step * torch.eye(size, dtype=codes.dtype)
    for code in codes:
        ahead, behind = (model.decode(code + sign * steps, label).flatten(1).double() for sign in (1, -1))
        jacobian = (ahead - behind) / (2 * step)  # (L, D)
        metric += jacobian @ jacobian.T / points
    values, columns = torch.linalg.eigh(metric)  # ascending
    vectors = columns.T.flip(0)[:number]
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    vectors = vectors * largest.sign()
    values = values.clamp_min(0)
    shares = values.flip(0)[:number] / values.sum().clamp_min(torch.finfo(torch.float64).tiny)
    return Directions(vectors, (spread @ vectors.T).std(dim=0), shares)


def moved(code: Tensor, directions: Directions, amounts: Tensor) -> Tensor:
    """Return codes moved along the directions, (N, L).

    Args:
        code: Where they start, (1, L).
        directions: K directions.
        amounts: (N, K), in standard deviations of the prior along each direction.
    """
    shift = (amounts.double() * directions.spreads) @ directions.vectors
    return (code.double() + shift).to(code.dtype)
