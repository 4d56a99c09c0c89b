"""Variants of AS-IntroVAE: the four things that each sets. `genkit_as_introvae.loss` states them as equations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from genkit.api import Autoencoder, Batch, DiagNormal, Divergence, Doc, Schedule
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.curriculum_c import CurriculumC


def kl_to_prior(model: Autoencoder, q: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return KL(q || p) in nats, (B, L) -> (B,), to the prior p of the model."""
    return model.prior.kl(q, batch.noise.within(f"kl-{of}"))


def kl_after_tanh(model: Autoencoder, q: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return KL(N(tanh μ, exp(tanh logvar)) || p) in nats, (B, L) -> (B,), as in the published decoder phase."""
    return kl_to_prior(model, DiagNormal(q.mu.tanh(), q.logvar.tanh()), batch, of)


@dataclass(frozen=True)
class Variant:
    """The four things that a variant sets."""

    encoder: Annotated[Divergence, Doc("Distance D_E of the encoder.")]
    decoder: Annotated[Divergence, Doc("Distance D_D of the decoder.")]
    c: Annotated[Schedule, Doc("Ramp c, a function of the progress since the end of the warm-up.")]
    decoder_kl: Annotated[Callable[[Autoencoder, DiagNormal, Batch, str], Tensor], Doc("KL(r) and KL(g) in L_D.")] = (
        kl_to_prior
    )
    decoder_weight: Annotated[float, Doc("Weight w of D_D, relative to the mean of the two KLs.")] = 1.0


VARIANTS = {
    "stable": Variant(ASDistance("marginal"), ASDistance("marginal"), CurriculumC("linear")),
    "paper": Variant(ASDistance("joint"), ASDistance("joint"), CurriculumC("linear")),
    "reference": Variant(
        ASDistance("reference", "sum"), ASDistance("reference", "mean"), CurriculumC("tanh"), kl_after_tanh, 0.5
    ),
}
