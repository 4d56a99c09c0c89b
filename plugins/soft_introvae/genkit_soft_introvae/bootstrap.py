"""Bootstrapped Soft-IntroVAE: fakes are reconstructed by a target decoder, a lagging copy of the decoder.

The equations are those of Soft-IntroVAE (`genkit_soft_introvae.loss`), except for the reconstructions of fakes,

    ŷ = D⁻(z), z ~ q(z|y)      in place of D(z), in e(y) of L_E and in L_D

    L_D = E_b[ s·( β_rec·R(x, r) + ½·β_kl·( KL(r) + KL(g) ) + ½·γ_r·β_rec·( R(r, r̂) + R(g, ĝ) ) ) ]

D⁻ has no gradient and no optimiser. So the terms of γ_r cannot train the decoder to copy its own outputs. Here nothing
in them is detached: their gradient reaches D through the fake y, as the target of R and through E and D⁻. γ_r is 1 by
default, as published; at 0 they are left out.

Each `target_every` steps, D⁻ ← δ·D⁻ + (1 - δ)·D, with δ = `target_decay`; by default 0, a copy, as published. The step
`warmup_steps`, in which the method starts, begins with a copy, also of the weights of a warm start. With
target_every = 1, δ = 0 and γ_r = 0 this is Soft-IntroVAE; bit for bit if the decoder has no batch norm, whose running
statistics in D see half as many passes here.

The code is the notebook and the script "bootstrap" of <https://github.com/taldatech/soft-intro-vae-pytorch>. Its README
says that the paper, Daniel & Tamar 2021, <https://arxiv.org/abs/2012.13253>, does not use it.

Deviations from the published code:

- D⁻ starts as a copy of D. The published one starts as another random decoder, which scores the fakes of the first
  epoch by noise.
- The warm-up decodes with D. The published one decodes with D⁻, which no optimiser holds, so it never trains D.
- `target_every` counts steps; the published option counts epochs, and is 1.
- Metrics and pictures show the reconstructions of D; the published code shows those of D⁻.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from genkit.api import (
    Action,
    Autoencoder,
    Batch,
    DiagNormal,
    Doc,
    NonNegativeFloat,
    PositiveInt,
    UnitInterval,
    follow,
)
from genkit_soft_introvae.loss import SoftIntroVAE
from genkit_soft_introvae.posteriors import code

DECODER = "decoder"


@dataclass(frozen=True)
class SoftIntroVAEBootstrap(SoftIntroVAE):
    """Soft-IntroVAE with a target decoder for the reconstructions of fakes."""

    gamma_r: Annotated[
        NonNegativeFloat,
        Doc("Weight γ_r of the reconstruction of fakes in the decoder phase; above 0 a step takes two more decodes."),
    ] = 1.0
    target_every: Annotated[
        PositiveInt, Doc("Number of steps from one move of the target decoder to the next; published: an epoch.")
    ] = 1000
    target_decay: Annotated[
        UnitInterval, Doc("Share δ of itself that the target decoder keeps in a move; 0 copies the decoder.")
    ] = 0.0

    def targets(self) -> tuple[str, ...]:
        """Return the decoder."""
        return (DECODER,)

    def actions(self) -> tuple[Action, ...]:
        """Return the copy with which the method starts, and the moves at the end of a step."""
        start = self.warmup_steps
        return (
            Action("target-start", self.start_target, before="encoder", start=start, stop=start + 1),
            Action("target", self.move_target, every=self.target_every, start=start),
        )

    def start_target(self, model: Autoencoder, batch: Batch) -> None:
        """Copy the decoder."""
        follow(batch.targets[DECODER], model.decoder)

    def move_target(self, model: Autoencoder, batch: Batch) -> None:
        """Move the target towards the decoder."""
        follow(batch.targets[DECODER], model.decoder, self.target_decay)

    def error_for_encoder(self, model: Autoencoder, y: Tensor, q: DiagNormal, batch: Batch, of: str) -> Tensor:
        """Return R(y, D⁻(z)) of the fakes y within e(y) of L_E, (B,)."""
        return model.error(y, batch.targets[DECODER](code(q, batch, of)))

    def error_for_decoder(self, model: Autoencoder, y: Tensor, q: DiagNormal, batch: Batch, of: str) -> Tensor:
        """Return R(y, D⁻(z)) of the fakes y in L_D, (B,), without detaching anything."""
        return model.error(y, batch.targets[DECODER](code(q, batch, of)))
