"""Posteriors of the samples of a step: their codes, and their divergences from the prior.

A kind of sample is "real" for data x, "rec" for a reconstruction r, and "fake" for a sample g.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from genkit.api import Batch, DiagNormal, Prior
from genkit_soft_introvae.total_correlation import total_correlation


def code(posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return z ~ `posterior`, (B, L), the same for each call in a phase; `of` is the kind of sample."""
    tag = "posterior" if of == "real" else f"posterior-{of}"
    return posterior.sample(batch.randn(tag, posterior.mu.shape[1]))


class Divergences(NamedTuple):
    """Divergences of the posteriors of a phase, each (B,)."""

    kls: Mapping[str, Tensor]  # KL(y) in nats, by the name of its term, such as kl_rec
    tcs: Mapping[str, Tensor]  # tc(y) in nats, by the name of its term; none without a weight
    weighed: Mapping[str, Tensor]  # what takes the place of KL(y) in the losses, by kind of y, such as rec


def divergences(prior: Prior, batch: Batch, weight: float, posteriors: Mapping[str, DiagNormal]) -> Divergences:
    """Return KL(y) + (weight - 1)·tc(y) of the posteriors of each kind of sample, and its parts.

    `weight` is β_tc. If it is 1, tc(y) is not computed.
    """
    kls = {of: prior.kl(q, batch.noise.within(f"kl-{of}")) for of, q in posteriors.items()}
    if weight == 1:
        return Divergences({f"kl_{of}": kl for of, kl in kls.items()}, {}, kls)
    gathered = dict(zip(posteriors, batch.gather_posteriors(*posteriors.values()), strict=True))
    tcs = {of: total_correlation(code(q, batch, of), gathered[of]) for of, q in posteriors.items()}
    return Divergences(
        {f"kl_{of}": kl for of, kl in kls.items()},
        {f"tc_{of}": tc for of, tc in tcs.items()},
        {of: kl + (weight - 1) * tcs[of] for of, kl in kls.items()},
    )
