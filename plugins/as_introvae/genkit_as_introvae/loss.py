"""AS-IntroVAE: Soft-IntroVAE whose players first contend over a distance between the posteriors of two kinds of fakes.

The encoder drives the posteriors of reconstructions and of samples apart and the decoder draws them together; as c goes
from 0 to 1 the game moves to the KL of the fakes, and is Soft-IntroVAE from then on. Both minimise, in turn,

    L_E = E_b[ s·( β_rec·R(x, r) + β_kl·KL(x) ) + ¼·( e(r) + e(g) ) ]                                         Eq. 7
    e(y) = exp( -2s·( β_rec·R(y, ŷ) + β_neg·( c·KL(y) + (1-c)·D_E ) ) )
    L_D = E_b[ s·( β_rec·R(x, r) + β_kl·( c·½·( KL(r) + KL(g) ) + (1-c)·w·D_D )
                                 + ½·γ_r·β_rec·( R(r, r̂) + R(g, ĝ) ) ) ]

    r = D(z), z ~ q(z|x)      the reconstruction
    g = D(z), z ~ N(0, I)     the sample
    ŷ = D(z), z ~ q(z|y)      the reconstruction of a fake y, that is, of r or g
    KL(y) = KL(q(z|y) || N(0, I)) in nats; R the squared error summed over a sample; E_b the mean over the batch
    s = 1 / (number of components of a sample): 1/(C·H·W) for images, ½ for points of the plane
    D_E, D_D = D({q(z|r)}, {q(z|g)}), one number of the whole batch, as each player reckons it; with
        pair = "real-fake", D({q(z|x)}, {q(z|g)}) instead
    w = 1: each of the two fakes counts D half, as it counts its KL; `distance_weight` multiplies D_E and D_D

In L_E a fake is a constant where it enters the encoder, but not as the target of R(r, r̂), and the decoder stands still.
In L_D the encoder, already updated, stands still, the gradient of KL and D flows through it into r and g, and in
R(r, r̂), R(g, ĝ) both the target and the code are constants.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE", https://arxiv.org/abs/2206.13903;
https://github.com/LOUEY233/AS-IntroVAE. Daniel & Tamar 2021, "Soft-IntroVAE", https://arxiv.org/abs/2012.13253.

The variants differ in four things, and what else a recipe states holds for each:

                  stable                  paper                  reference
    D_E           marginal, h = 0.61      joint, Eq. 6           of tanh(μ), tanh(logvar), no 2π, *sum* over pairs, dims
    D_D           the same                the same               the same, but *mean* over pairs and dims; w = ½
    KL(r), KL(g)  as it is                as it is               in L_D of tanh(μ), tanh(logvar)
    c             min(5t, 1)              min(5t, 1)             min(tanh(5t), 1)

t is the progress since the warm-up, which is 0 steps in the paper: there it is that of the run.

The published γ_r is 1e-8, below the rounding error of float32 beside β_rec·R(x, r); it costs the two decodes r̂ and ĝ of
the decoder phase, a fifth of a step, and is 0 here unless a recipe says otherwise.

In all of them s scales the warm-up, too; the published code leaves it unscaled, and so 1/s times as large as what
follows, which Adam's second moments remember (see `genkit.api.VAE.warm_up`).

With c = 1 `stable` and `paper` are Soft-IntroVAE to the bit, and no distance is computed.

Deviations of `paper` from the slides of the paper: Eq. 7 adds c·KL and (1-c)·D to log p(x|z) under a maximum, which
would have the encoder *lower* D, against Eq. 4 and the published code, so they are subtracted; the weights are those of
Soft-IntroVAE (¼ for 1/α, β_neg, ½·γ_r) in all variants, as in the published code; D compares reconstructions with
samples, as there and in the x_r and x_g of Eq. 1, not real data with samples; for the kernel see `as_distance`.

Deviations of `reference` from the published code, none of which changes a value: `rec` and `fake` are decoded once a
step instead of twice, since the decoder does not change between the phases; c does not start anew on a resume. Its sum
and its mean are B²·L apart: at B = 32, L = 128 the exponent in e is so large that the encoder repels no fake for about
the first third of a run. `stable` reckons one distance for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from genkit.api import (
    VAE,
    Autoencoder,
    Batch,
    ConstantSchedule,
    DiagNormal,
    Divergence,
    Doc,
    NonNegativeFloat,
    NonNegativeInt,
    Phase,
    PhaseLoss,
    Schedule,
    kl_to_prior,
    negative_elbo,
    squared_error,
)
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.curriculum_c import CurriculumC


def kl_of_squashed(q: DiagNormal) -> Tensor:
    """Return KL(N(tanh μ, exp(tanh logvar)) || N(0, I)) in nats, (B, L) -> (B,), as the published decoder does."""
    return kl_to_prior(DiagNormal(q.mu.tanh(), q.logvar.tanh()))


@dataclass(frozen=True)
class Variant:
    """All that one variant has and another has not."""

    encoder: Annotated[Divergence, Doc("D_E")]
    decoder: Annotated[Divergence, Doc("D_D")]
    c: Schedule
    decoder_kl: Annotated[Callable[[DiagNormal], Tensor], Doc("KL(r) and KL(g) in L_D")] = kl_to_prior
    decoder_weight: Annotated[float, Doc("w, the weight of D_D beside the mean of the two KLs")] = 1.0


VARIANTS = {
    "stable": Variant(ASDistance("marginal"), ASDistance("marginal"), CurriculumC("linear")),
    "paper": Variant(ASDistance("joint"), ASDistance("joint"), CurriculumC("linear")),
    "reference": Variant(
        ASDistance("reference", "sum"), ASDistance("reference", "mean"), CurriculumC("tanh"), kl_of_squashed, 0.5
    ),
}


@dataclass(frozen=True)
class ASIntroVAE:
    """AS-IntroVAE. The published code trains CIFAR-10 and MNIST with beta_neg = 256, the other weights being 1.

    A *higher* beta_neg means *weaker* repulsion of all but the nearest fakes, since it stands inside the exponential.
    """

    beta_rec: Annotated[Schedule, Doc("β_rec, weight of the reconstruction error, of real data and of fakes")] = (
        ConstantSchedule(1.0)
    )
    beta_kl: Annotated[
        Schedule, Doc("β_kl, weight of the KL of real data, and of the fakes' KL and D for the decoder")
    ] = ConstantSchedule(1.0)
    beta_neg: Annotated[Schedule, Doc("β_neg, weight of the fakes' KL and D inside exp; higher repels fakes less")] = (
        ConstantSchedule(1.0)
    )
    gamma_r: NonNegativeFloat = (
        0.0  # γ_r, weight of the decoder's reconstruction of fakes, two decodes a step; see above
    )
    warmup_steps: Annotated[
        NonNegativeInt, Doc("so many steps of a plain VAE come first; c begins with the step after them")
    ] = 0
    variant: Annotated[
        Literal["stable", "paper", "reference"], Doc('"reference" is the arithmetic of the published code')
    ] = "stable"
    divergence: Annotated[Divergence | None, Doc("D of both players; by default the variant's own")] = None
    c: Annotated[Schedule | None, Doc("from D (0) to the KL (1); by default the variant's own ramp")] = None
    pair: Annotated[
        Literal["rec-fake", "real-fake"], Doc("what D tells from samples: reconstructions, or the data")
    ] = "rec-fake"
    distance_weight: Annotated[NonNegativeFloat, Doc("of D beside the KL, for both players")] = 1.0

    def phases(self) -> tuple[Phase, ...]:
        """First `vae` alone; from step `warmup_steps` on `encoder`, then `decoder`."""
        return (
            VAE(self.beta_rec, self.beta_kl).warm_up(self.warmup_steps, per_component=True),
            Phase("encoder", ("encoder",), self.encoder_loss, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decoder_loss, start=self.warmup_steps),
        )

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E, and leave the reconstruction and the sample, each (B, *data_shape), to the decoder phase."""
        beta_rec, beta_kl, beta_neg = self.beta_rec(batch.t), self.beta_kl(batch.t), self.beta_neg(batch.t)
        s, c = 1 / math.prod(model.data_shape), self._c(batch)

        posterior = model.encoder(batch.x)
        rec = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))
        fake = model.decoder(batch.z)
        batch.carry.update(rec=rec, fake=fake)

        # The fakes are constants as inputs of the encoder, but live as targets of their own reconstruction.
        q_rec, q_fake = model.encoder(rec.detach()), model.encoder(fake.detach())
        error, kl_real = squared_error(batch.x, rec), kl_to_prior(posterior)
        error_rec, kl_rec = squared_error(rec, _redecode(model, q_rec, batch, "rec")), kl_to_prior(q_rec)
        error_fake, kl_fake = squared_error(fake, _redecode(model, q_fake, batch, "fake")), kl_to_prior(q_fake)
        other = posterior if self.pair == "real-fake" else q_rec
        distance = self._distance(VARIANTS[self.variant].encoder, other, q_fake, c, batch)

        # Eq. (7)
        exp_rec = (-2 * s * negative_elbo(error_rec, c * kl_rec + (1 - c) * distance, beta_rec, beta_neg)).exp()
        exp_fake = (-2 * s * negative_elbo(error_fake, c * kl_fake + (1 - c) * distance, beta_rec, beta_neg)).exp()
        total = (s * negative_elbo(error, kl_real, beta_rec, beta_kl) + 0.25 * (exp_rec + exp_fake)).mean()
        kls = {"kl_real": kl_real, "kl_rec": kl_rec, "kl_fake": kl_fake}
        return PhaseLoss(total, _means(c, rec=error, **kls, exp_rec=exp_rec, exp_fake=exp_fake, distance=distance))

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_D, going on from the graphs of `rec` and `fake`: the decoder has not changed since."""
        beta_rec, beta_kl = self.beta_rec(batch.t), self.beta_kl(batch.t)
        s, c, own = 1 / math.prod(model.data_shape), self._c(batch), VARIANTS[self.variant]

        rec, fake = batch.carry["rec"], batch.carry["fake"]
        q_rec, q_fake = model.encoder(rec), model.encoder(fake)
        error, kl_rec, kl_fake = squared_error(batch.x, rec), own.decoder_kl(q_rec), own.decoder_kl(q_fake)
        other = _constant(model.encoder, batch.x) if self.pair == "real-fake" and c < 1 else q_rec
        distance = self._distance(own.decoder, other, q_fake, c, batch)

        # Eq. (7)
        similarity = c * (0.5 * (kl_rec + kl_fake)) + (1 - c) * own.decoder_weight * distance
        loss = negative_elbo(error, similarity, beta_rec, beta_kl)
        if self.gamma_r > 0:
            error_rec = squared_error(rec.detach(), _redecode(model, q_rec.detach(), batch, "rec"))
            error_fake = squared_error(fake.detach(), _redecode(model, q_fake.detach(), batch, "fake"))
            loss = loss + 0.5 * self.gamma_r * beta_rec * (error_rec + error_fake)
        return PhaseLoss(s * loss.mean(), _means(c, rec=error, kl_rec=kl_rec, kl_fake=kl_fake, distance=distance))

    def _c(self, batch: Batch) -> float:
        # Of the game alone: counted from step 0, a ramp would be over before a long warm-up is, and D never be used.
        return (self.c or VARIANTS[self.variant].c)(batch.phase_t)

    def _distance(self, own: Divergence, p: DiagNormal, q: DiagNormal, c: float, batch: Batch) -> Tensor:
        """Return D over the samples of all processes, (B,); zeros where c = 1 leaves it no weight, to save the work."""
        if c == 1:
            return torch.zeros_like(q.mu[:, 0])
        p, q = (DiagNormal(batch.gather(posterior.mu), batch.gather(posterior.logvar)) for posterior in (p, q))
        return self.distance_weight * batch.own((self.divergence or own)(p, q))


def _redecode(model: Autoencoder, posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return D(z) for z ~ `posterior`, (B, *data_shape)."""
    return model.decoder(posterior.sample(batch.randn(f"posterior-{of}", model.latent_dim)))


@torch.no_grad()
def _constant(encoder: nn.Module, x: Tensor) -> DiagNormal:
    """Return the posterior of data, (B, L), which no decoder can move."""
    return encoder(x)


def _means(c: float, **values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each of `values`, (B,) -> (), detached, and c, for the report."""
    terms = {name: value.detach().mean() for name, value in values.items()}
    return {**terms, "c": torch.full_like(terms["rec"], c)}
