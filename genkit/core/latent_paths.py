"""Paths between latent codes, and how far a reconstruction is from what it reconstructs.

linear      z(t) = (1 - t)·a + t·b
spherical   z(t) = ((1 - t)·|a| + t·|b|) · (sin((1 - t)Ω)·a/|a| + sin(tΩ)·b/|b|) / sin Ω,   Ω the angle between a and b

Draws of the prior lie near a sphere of radius √L. A straight line between two of them passes far inside it, where the
decoder has seen nothing; the spherical path does not (White 2016, https://arxiv.org/abs/1609.04468). Deviation: there a
and b stand in place of a/|a| and b/|b| and no length before them, which is the same for codes of one length; for others
that nearly oppose each other it runs far outside of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

PARALLEL = 1e-6  # radians; below, the spherical path is the straight one to within rounding


def linear(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return `steps` codes on the straight lines from a to b, each (N, L) -> (N, S, L), both ends included."""
    t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def spherical(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return `steps` codes on the arcs from a to b, each (N, L) -> (N, S, L), both ends included.

    Where a and b point the same way or oppositely, or one is 0, there is no one arc, and the path is straight.
    """
    t = torch.linspace(0, 1, steps, dtype=torch.float64, device=a.device)[:, None]
    starts, stops = a.double()[:, None], b.double()[:, None]
    unit_a, unit_b = normalize(starts, dim=2), normalize(stops, dim=2)
    # 2·atan2 keeps its precision for small angles, where the arc cosine loses half of the digits.
    omega = 2 * torch.atan2((unit_a - unit_b).norm(dim=2, keepdim=True), (unit_a + unit_b).norm(dim=2, keepdim=True))
    start, stop = starts.norm(dim=2, keepdim=True), stops.norm(dim=2, keepdim=True)
    arcs = ((1 - t) * start + t * stop) * (((1 - t) * omega).sin() * unit_a + (t * omega).sin() * unit_b) / omega.sin()
    no_arc = (omega < PARALLEL) | (omega > torch.pi - PARALLEL) | (start == 0) | (stop == 0)
    return torch.where(no_arc, linear(a, b, steps), arcs).to(a.dtype)


PATHS: Mapping[str, Callable[[Tensor, Tensor, int], Tensor]] = {"spherical": spherical, "linear": linear}


def mean_squared_error(x: Tensor, reconstructions: Tensor) -> float:
    """Return the mean squared error per coordinate; images are clamped to [0, 1], as they are shown.

    It is what the metric "reconstruction-error" computes.
    """
    shown = reconstructions.clamp(0, 1) if x.ndim == 4 else reconstructions
    return (shown.double() - x.double()).square().mean().item()
