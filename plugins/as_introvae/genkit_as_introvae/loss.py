"""AS-IntroVAE: Soft-IntroVAE that starts with a distance between the posteriors of its two kinds of fakes.

At first the encoder pushes the posteriors of reconstructions and of samples apart, and the decoder pulls them together.
As c goes from 0 to 1, the KL of the fakes replaces this distance, and at c = 1 the method is Soft-IntroVAE. They
minimise, in alternation,

    L_E = E_b[ s·( β_rec·R(x, r) + β_kl·KL(x) ) + ¼·( e(r) + e(g) ) ]                                         Eq. 7
    e(y) = exp( -2s·( β_rec·R(y, ŷ) + β_neg·( c·KL(y) + (1-c)·D_E ) ) )
    L_D = E_b[ s·( β_rec·R(x, r) + β_kl·( c·½·( KL(r) + KL(g) ) + (1-c)·w·D_D )
                                 + ½·γ_r·β_rec·( R(r, r̂) + R(g, ĝ) ) ) ]

    r = D(z), z ~ q(z|x)      the reconstruction
    g = D(z), z ~ p           the sample; p is the prior, N(0, I) by default
    ŷ = D(z), z ~ q(z|y)      the reconstruction of a fake y, which is r or g
    KL(y) = KL(q(z|y) || p) in nats; E_b the mean over the batch
    R     the reconstruction error of the model, summed over a sample; by default, and as published, the squared error
    s = 1 / (number of components of a sample): 1/(C·H·W) for images, ½ for points of the plane
    D_E, D_D = D({q(z|r)}, {q(z|g)}), one number for the whole batch, as each player computes it; with
        pair = "real-fake", D({q(z|x)}, {q(z|g)}) instead; the key distance_weight multiplies both
    w = 1: D counts half for each of the two fakes, as the KL does

In L_E the decoder is frozen. A fake is detached where it enters the encoder, but not where it is the target of R(r, r̂).
In L_D the encoder, which has just been updated, is frozen; the gradient of KL and D flows through it into r and g, and
in R(r, r̂) and R(g, ĝ) both the target and the code are detached.

A variant sets four things; the other keys of a recipe hold for every variant:

                  stable                  paper                  reference
    D_E           marginal, h = 0.61      joint, Eq. 6           of tanh(μ), tanh(logvar), no 2π, *sum* over pairs, dims
    D_D           the same                the same               the same, but *mean* over pairs and dims; w = ½
    KL(r), KL(g)  as they are             as they are            in L_D of tanh(μ), tanh(logvar)
    c             min(5t, 1)              min(5t, 1)             min(tanh(5t), 1)

Here t is `batch.phase_t`, the progress since the end of the warm-up: 0 at step `warmup_steps`, 1 at the end of the run.
The paper has no warm-up, so there t is the progress of the run. If t counted from step 0, a warm-up of a fifth of the
run would end with c = 1, and D would never be used. With c = 1, `stable` and `paper` are Soft-IntroVAE bit for bit, and
no distance is computed.

Lu et al. 2022, "AS-IntroVAE: Adversarial Similarity Distance Makes Robust IntroVAE",
<https://arxiv.org/abs/2206.13903>, with the code <https://github.com/LOUEY233/AS-IntroVAE>; the underlying method is
that of Daniel & Tamar 2021, "Soft-IntroVAE", <https://arxiv.org/abs/2012.13253>.

Deviations of `paper` from the paper, of which only the slides were available:

- Eq. 7 adds c·KL and (1-c)·D to log p(x|z) under a maximum, so the encoder would *lower* D, against Eq. 4 and the
  published code. Here they are subtracted, in every variant.
- The weights are those of Soft-IntroVAE (¼ for 1/α, β_neg, ½·γ_r), in every variant, as in the published code.
- D compares reconstructions with samples, as in the published code and as x_r and x_g of Eq. 1, not real data with
  samples.
- The kernel: see `genkit_as_introvae.as_distance`.

Deviations of `reference` from the published code, of which only the last two change values:

- `rec` and `fake` are decoded once a step instead of twice, because the decoder does not change between the phases.
- c does not start again from 0 when a run is resumed.
- γ_r is 0 by default. The published 1e-8 puts its term below the rounding error of float32 next to β_rec·R(x, r), and
  it costs the two decodes r̂ and ĝ of the decoder phase, a fifth of a step.
- s also scales the warm-up. In the published code the warm-up is 1/s times as large as what follows, and the second
  moments of Adam remember it (see `genkit.api.VAE.warm_up`).

The sum and the mean of `reference` differ by the factor B²·L. At B = 32 and L = 128 this makes the exponent in e so
large that the encoder repels no fake for about the first third of a run. `stable` has one distance for both players.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

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
    NonNegativeSchedule,
    Phase,
    PhaseLoss,
    Remark,
    UnitSchedule,
    low_kl_of_samples,
    negative_elbo,
    require_standard_normal,
)
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.variants import VARIANTS, kl_to_prior

MOSTLY_KL = 0.95  # c from which the encoder repels samples by their KL; below, by D too, which leaves their KL free


@dataclass(frozen=True)
class ASIntroVAE:
    """AS-IntroVAE. The published code trains CIFAR-10 and MNIST with beta_neg = 256 and the other weights at 1.

    A *higher* beta_neg repels all but the nearest fakes *less*, because it is inside the exponential.
    """

    beta_rec: Annotated[
        NonNegativeSchedule, Doc("Weight β_rec of the reconstruction error of real data and of fakes.")
    ] = ConstantSchedule(1.0)
    beta_kl: Annotated[
        NonNegativeSchedule,
        Doc("Weight β_kl of the KL of real data, and of D and the KL of fakes in the decoder phase."),
    ] = ConstantSchedule(1.0)
    beta_neg: Annotated[
        NonNegativeSchedule,
        Doc("Weight β_neg of D and the KL of fakes inside the exponential; higher values repel fakes less."),
    ] = ConstantSchedule(1.0)
    gamma_r: Annotated[
        NonNegativeFloat,
        Doc("Weight γ_r of the reconstruction of fakes by the decoder; above 0 a step takes two more decodes."),
    ] = 0.0
    warmup_steps: Annotated[
        NonNegativeInt, Doc("Number of steps of a plain VAE before the method starts; the ramp c starts when they end.")
    ] = 0
    variant: Annotated[
        Literal["stable", "paper", "reference"],
        Doc('Defaults of D, c and the KL: "paper" follows the equations of the paper, "reference" the published code.'),
    ] = "stable"
    divergence: Annotated[Divergence | None, Doc("Distance D of both players; by default that of the variant.")] = None
    c: Annotated[
        UnitSchedule | None,
        Doc(
            "Ramp c from 0 (only D) to 1 (only the KL), a function of the progress since the end of the warm-up; by "
            "default that of the variant."
        ),
    ] = None
    pair: Annotated[
        Literal["rec-fake", "real-fake"],
        Doc("What D compares with samples: reconstructions, as in the published code, or real data."),
    ] = "rec-fake"
    distance_weight: Annotated[NonNegativeFloat, Doc("Factor of D relative to the KL, for both players.")] = 1.0
    about_terms: ClassVar[Mapping[str, str]] = {
        "c": "how far the KL of fakes has replaced the distance: 0 is only the distance, 1 is Soft-IntroVAE.",
        "distance": "how far the posteriors of samples are from those of reconstructions, or of data, as the key pair "
        "says. The encoder raises it, the decoder lowers it, both with the weight 1 - c; it is 0 once c is 1.",
    }

    def dependent_defaults(self) -> dict[str, Any]:
        """Return the D and c of the variant, where the recipe leaves them out and both players have the same D."""
        variant = VARIANTS[self.variant]
        values = {"divergence": variant.encoder if variant.encoder == variant.decoder else None, "c": variant.c}
        return {name: value for name, value in values.items() if value is not None and getattr(self, name) is None}

    def phases(self) -> tuple[Phase, ...]:
        """Return `vae`, due before step `warmup_steps`, then `encoder` and `decoder`, due from that step on."""
        return (
            VAE(self.beta_rec, self.beta_kl).warm_up(self.warmup_steps, per_component=True),
            Phase("encoder", ("encoder",), self.encoder_loss, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decoder_loss, start=self.warmup_steps),
        )

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E, and store the decoder's outputs for r and g in `batch.carry` for the decoder phase."""
        beta_rec, beta_kl, beta_neg = self.beta_rec(batch.t), self.beta_kl(batch.t), self.beta_neg(batch.t)
        s, c = 1 / math.prod(model.data_shape), self._c(batch)
        self._check_prior(model)

        posterior = model.encoder(batch.x)
        rec = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))
        fake = model.decoder(model.prior.sample(batch.prior_noise))
        batch.carry.update(rec=rec, fake=fake)

        # Fakes are detached as inputs of the encoder, but not as targets of their own reconstruction.
        r, g = model.as_sample(rec), model.as_sample(fake)
        q_rec, q_fake = model.encoder(r.detach()), model.encoder(g.detach())
        error, kl_real = model.error(batch.x, rec), kl_to_prior(model, posterior, batch, "real")
        error_rec = model.error(r, _reconstruction(model, q_rec, batch, "rec"))
        error_fake = model.error(g, _reconstruction(model, q_fake, batch, "fake"))
        kl_rec, kl_fake = kl_to_prior(model, q_rec, batch, "rec"), kl_to_prior(model, q_fake, batch, "fake")
        other = posterior if self.pair == "real-fake" else q_rec
        distance = self._distance(VARIANTS[self.variant].encoder, other, q_fake, c, batch)

        # Eq. (7)
        exp_rec = (-2 * s * negative_elbo(error_rec, c * kl_rec + (1 - c) * distance, beta_rec, beta_neg)).exp()
        exp_fake = (-2 * s * negative_elbo(error_fake, c * kl_fake + (1 - c) * distance, beta_rec, beta_neg)).exp()
        total = (s * negative_elbo(error, kl_real, beta_rec, beta_kl) + 0.25 * (exp_rec + exp_fake)).mean()
        kls = {"kl_real": kl_real, "kl_rec": kl_rec, "kl_fake": kl_fake}
        return PhaseLoss(total, _means(c, rec=error, **kls, exp_rec=exp_rec, exp_fake=exp_fake, distance=distance))

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_D. It reuses the graphs of r and g, because the decoder has not changed since the encoder phase."""
        beta_rec, beta_kl = self.beta_rec(batch.t), self.beta_kl(batch.t)
        s, c, variant = 1 / math.prod(model.data_shape), self._c(batch), VARIANTS[self.variant]

        rec, fake = batch.carry["rec"], batch.carry["fake"]
        r, g = model.as_sample(rec), model.as_sample(fake)
        q_rec, q_fake = model.encoder(r), model.encoder(g)
        error = model.error(batch.x, rec)
        kl_rec, kl_fake = (variant.decoder_kl(model, q, batch, of) for q, of in ((q_rec, "rec"), (q_fake, "fake")))
        other = _encode_detached(model.encoder, batch.x) if self.pair == "real-fake" and c < 1 else q_rec
        distance = self._distance(variant.decoder, other, q_fake, c, batch)

        # Eq. (7)
        similarity = c * (0.5 * (kl_rec + kl_fake)) + (1 - c) * variant.decoder_weight * distance
        loss = negative_elbo(error, similarity, beta_rec, beta_kl)
        if self.gamma_r > 0:
            error_rec = model.error(r.detach(), _reconstruction(model, q_rec.detach(), batch, "rec"))
            error_fake = model.error(g.detach(), _reconstruction(model, q_fake.detach(), batch, "fake"))
            loss = loss + 0.5 * self.gamma_r * beta_rec * (error_rec + error_fake)
        return PhaseLoss(s * loss.mean(), _means(c, rec=error, kl_rec=kl_rec, kl_fake=kl_fake, distance=distance))

    def remark(self, terms: Mapping[str, float]) -> Remark | None:
        """Return a remark if, once the KL has replaced D, the KL of samples is below that of data."""
        if terms.get("encoder/c", 0.0) < MOSTLY_KL or (low := low_kl_of_samples(terms)) is None:
            return None
        return Remark(f"{low}: the encoder does not repel samples. Lower beta_neg", ("beta_neg",))

    def _check_prior(self, model: Autoencoder) -> None:
        """Raise `ValueError` if a setting holds for the prior N(0, I) only and the model has another prior."""
        distance = self.divergence or VARIANTS[self.variant].encoder
        remedy = 'Use variant = "stable", whose distance does not depend on the prior, or remove [model.prior]'
        if self.variant == "reference":
            require_standard_normal(model.prior, 'variant = "reference"', remedy)
        if isinstance(distance, ASDistance) and distance.form in ("prior-weighted", "reference"):
            require_standard_normal(model.prior, f'divergence with form = "{distance.form}"', remedy)

    def _c(self, batch: Batch) -> float:
        # A function of `batch.t` could reach 1 during a long warm-up, and D would never be used.
        return (self.c or VARIANTS[self.variant].c)(batch.phase_t)

    def _distance(self, of_variant: Divergence, p: DiagNormal, q: DiagNormal, c: float, batch: Batch) -> Tensor:
        """Return D over the samples of all processes, (B,), or zeros if c = 1, where D has no weight."""
        if c == 1:
            return torch.zeros_like(q.mu[:, 0])
        p, q = batch.gather_posteriors(p, q)
        return self.distance_weight * batch.own((self.divergence or of_variant)(p, q))


def _reconstruction(model: Autoencoder, posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return the decoder's output for z ~ `posterior`, (B, *data_shape), the reconstruction of the fake `of`."""
    return model.decoder(posterior.sample(batch.randn(f"posterior-{of}", model.latent_dim)))


@torch.no_grad()
def _encode_detached(encoder: nn.Module, x: Tensor) -> DiagNormal:
    """Return the posterior of real data, (B, L), without a graph: it does not depend on the decoder."""
    return encoder(x)


def _means(c: float, **values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each value, (B,) -> (), detached, and c, for the log."""
    terms = {name: value.detach().mean() for name, value in values.items()}
    return {**terms, "c": torch.full_like(terms["rec"], c)}
