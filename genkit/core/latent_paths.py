"""Paths between latent codes, for interpolation.

linear      z(t) = (1 - t)·a + t·b
spherical   z(t) = ((1 - t)·|a| + t·|b|) · (sin((1 - t)Ω)·a/|a| + sin(tΩ)·b/|b|) / sin Ω,   Ω the angle between a and b

Draws from the prior are close to a sphere of radius √L. A straight line between two of them passes far inside the
sphere, where the decoder has seen no codes in training; the spherical path stays near the sphere (White 2016,
https://arxiv.org/abs/1609.04468). Deviation: the paper's formula has a and b in place of a/|a| and b/|b|, without the
interpolated length in front. Both agree for codes of equal length. For codes of different lengths in nearly opposite
directions, the paper's path leaves the sphere far behind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

PARALLEL = 1e-6  # radians; for smaller angles the two paths agree up to rounding


def linear_path(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return S = `steps` codes on the straight lines from a to b, both ends included: (N, L), (N, L) -> (N, S, L)."""
    t = torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device)[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def spherical_path(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return S = `steps` codes on the arcs from a to b, both ends included: (N, L), (N, L) -> (N, S, L).

    The path is straight if no unique arc exists: a and b are parallel or opposite, or one of them is 0.
    """
    t = torch.linspace(0, 1, steps, dtype=torch.float64, device=a.device)[:, None]
    starts, stops = a.double()[:, None], b.double()[:, None]
    unit_a, unit_b = normalize(starts, dim=2), normalize(stops, dim=2)
    # 2·atan2 is accurate for small angles, where the arc cosine loses half of its digits.
    omega = 2 * torch.atan2((unit_a - unit_b).norm(dim=2, keepdim=True), (unit_a + unit_b).norm(dim=2, keepdim=True))
    start, stop = starts.norm(dim=2, keepdim=True), stops.norm(dim=2, keepdim=True)
    arcs = ((1 - t) * start + t * stop) * (((1 - t) * omega).sin() * unit_a + (t * omega).sin() * unit_b) / omega.sin()
    no_arc = (omega < PARALLEL) | (omega > torch.pi - PARALLEL) | (start == 0) | (stop == 0)
    return torch.where(no_arc, linear_path(a, b, steps), arcs).to(a.dtype)


PATHS: Mapping[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "spherical": spherical_path,
    "linear": linear_path,
}
