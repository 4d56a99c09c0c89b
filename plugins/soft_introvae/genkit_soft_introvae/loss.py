"""Soft-IntroVAE: the encoder of a VAE is also the critic of its decoder, with the ELBO as the score of a sample.

The encoder raises the evidence lower bound (ELBO) of real data and lowers the exponential of the ELBO of the decoder's
outputs, a soft threshold in place of the hinge of IntroVAE; the decoder raises both. They minimise, in alternation,

    L_E = E_b[ s·( β_rec·R(x, r) + β_kl·KL(x) ) + ¼·( e(r) + e(g) ) ]
    e(y) = exp( -2s·( β_rec·R(y, ŷ) + β_neg·KL(y) ) )
    L_D = E_b[ s·( β_rec·R(x, r) + ½·β_kl·( KL(r) + KL(g) ) + ½·γ_r·β_rec·( R(r, r̂) + R(g, ĝ) ) ) ]

    r = D(z), z ~ q(z|x)      the reconstruction
    g = D(z), z ~ p           the sample; p is the prior, N(0, I) by default
    ŷ = D(z), z ~ q(z|y)      the reconstruction of a fake y, which is r or g
    KL(y) = KL(q(z|y) || p) in nats; E_b the mean over the batch
    R     the reconstruction error of the model, summed over a sample; by default, and as published, the squared error
    s = 1 / (number of components of a sample): 1/(C·H·W) for images, ½ for points of the plane

Two changes of these equations are off by default, and each can be combined with every variant:

- `tc_beta` (β_tc) replaces each KL(y) by KL(y) + (β_tc - 1)·tc(y), where the mean of tc(y) is the total correlation
  (TC) of the codes of a batch: `genkit_soft_introvae.total_correlation`.
- `cutout` and `shift` change the pictures that the encoder reads, in all phases; `SoftIntroVAE.encode` states how.

In L_E the decoder is frozen. A fake is detached where it enters the encoder, but not where it is the target of R(r, r̂):
through that target e(r) also moves z ~ q(z|x). In L_D the encoder, which has just been updated, is frozen; the gradient
of KL(r) and KL(g) flows through it into r and g, and in R(r, r̂) and R(g, ĝ) both the target and the code are detached.

Daniel & Tamar 2021, "Soft-IntroVAE: Analyzing and Improving the Introspective Variational Autoencoder", CVPR,
<https://arxiv.org/abs/2012.13253>.

The arithmetic is that of the published code, <https://github.com/taldatech/soft-intro-vae-pytorch>. The paper states

    max_E  ELBO(x) - (1/α)·Σ exp(α·ELBO(y)),    max_D  ELBO(x) + γ·Σ ELBO(y),    with sums over the fakes y

and the code differs from it: α = 2, and the sum over {r, g} is a mean, which gives the ¼; in L_E the KL of fakes has
its own weight β_neg; in L_D there is not one γ, but ½·β_kl for the KL of fakes and ½·γ_r·β_rec for their error; and s
scales every ELBO.

Deviations from the published code:

- γ_r is 0 by default. The published 1e-8 puts its term below the rounding error of float32 next to β_rec·R(x, r), and
  it costs the two decodes r̂ and ĝ of the decoder phase, a fifth of a step.
- s also scales the warm-up. In the published code the VAE before step `warmup_steps` is 1/s times as large as what
  follows, and the second moments of Adam remember it: on 28x28 digits hardly anything moves for thousands of steps.
- `rec` and `fake` are decoded once a step instead of twice, because the decoder does not change between the phases: the
  decoder phase continues from the graphs of the encoder phase. This changes no value, except that the running
  statistics of a batch norm in the decoder see two forward passes fewer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from torch import Tensor

from genkit.api import (
    VAE,
    Autoencoder,
    Batch,
    ConstantSchedule,
    DiagNormal,
    Doc,
    NonNegativeFloat,
    NonNegativeInt,
    NonNegativeSchedule,
    Phase,
    PhaseLoss,
    Prior,
    Remark,
    UnitInterval,
    cutout,
    low_kl_of_samples,
    negative_elbo,
    shift,
)
from genkit_soft_introvae.posteriors import Divergences, code, divergences

PROBABILITY = 0.5  # of cutout and of shift, as published


@dataclass(frozen=True)
class SoftIntroVAE:
    """Soft-IntroVAE, with the defaults of the published code, which trains CIFAR-10 with beta_neg = 256.

    A *higher* beta_neg repels all but the nearest fakes *less*: the encoder pushes the KL of a fake with the gradient
    ½·s·β_neg·e(y), which fades above a KL of 1/(2·s·β_neg) nats, which is 6 for CIFAR-10 at 256. Lower beta_neg if
    kl_fake does not rise above kl_real; raise it if training diverges.
    """

    beta_rec: Annotated[
        NonNegativeSchedule, Doc("Weight β_rec of the reconstruction error of real data and of fakes.")
    ] = ConstantSchedule(1.0)
    beta_kl: Annotated[
        NonNegativeSchedule, Doc("Weight β_kl of the KL of real data, and of the KL of fakes in the decoder phase.")
    ] = ConstantSchedule(1.0)
    beta_neg: Annotated[
        NonNegativeSchedule,
        Doc("Weight β_neg of the KL of fakes inside the exponential; higher values repel fakes less."),
    ] = ConstantSchedule(1.0)
    gamma_r: Annotated[
        NonNegativeFloat,
        Doc("Weight γ_r of the reconstruction of fakes by the decoder; above 0 a step takes two more decodes."),
    ] = 0.0
    warmup_steps: Annotated[NonNegativeInt, Doc("Number of steps of a plain VAE before the method starts.")] = 0
    # The keys below are None by default, so recipes without them have the digests of earlier versions.
    tc_beta: Annotated[
        NonNegativeSchedule | None,
        Doc("Weight β_tc of the total correlation within each KL; 1, or no value, is Soft-IntroVAE itself."),
    ] = None
    cutout: Annotated[
        UnitInterval | None,
        Doc("Side of the rectangle that the encoder does not see, as a fraction of the picture's; by default none."),
    ] = None
    shift: Annotated[
        UnitInterval | None,
        Doc("Largest shift of the pictures that the encoder reads, as a fraction of the side; by default none."),
    ] = None
    augment_probability: Annotated[
        UnitInterval | None, Doc("Probability of a cutout, and of a shift, of each picture; by default 0.5.")
    ] = None

    def __post_init__(self) -> None:
        """Refuse a probability of nothing."""
        if self.augment_probability is not None and self.cutout is None and self.shift is None:
            raise ValueError("augment_probability has no effect without cutout or shift. Set one of them, or remove it")

    def phases(self) -> tuple[Phase, ...]:
        """Return `vae`, due before step `warmup_steps`, then `encoder` and `decoder`, due from that step on."""
        return (
            WarmUp(self.beta_rec, self.beta_kl, self).warm_up(self.warmup_steps, per_component=True),
            Phase("encoder", ("encoder",), self.encoder_loss, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decoder_loss, start=self.warmup_steps),
        )

    def encode(self, model: Autoencoder, x: Tensor, batch: Batch, of: str) -> DiagNormal:
        """Return q(z|x) for pictures x of the kind `of`: "real", "rec" for r, or "fake" for g.

        With the keys `cutout` and `shift` the encoder reads a changed copy of x, as if the change were its first layer:
        the targets of R are never changed, or the decoder would learn to draw rectangles. Each call within a step draws
        its own changes, as a layer does: r and x of a sample differ in their changes, as r and g do, so the encoder
        cannot tell them apart by these.
        """
        probability = PROBABILITY if self.augment_probability is None else self.augment_probability
        noise = batch.noise.within(f"augment-{of}")
        if self.shift:
            x = shift(x, noise, distance=self.shift, probability=probability)
        if self.cutout:
            x = cutout(x, noise, side=self.cutout, probability=probability)
        posterior: DiagNormal = model.encoder(x)
        return posterior

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E, and store the decoder's outputs for r and g in `batch.carry` for the decoder phase."""
        beta_rec, beta_kl, beta_neg = self.beta_rec(batch.t), self.beta_kl(batch.t), self.beta_neg(batch.t)
        s = 1 / math.prod(model.data_shape)

        posterior = self.encode(model, batch.x, batch, "real")
        rec = model.decoder(code(posterior, batch, "real"))
        fake = model.decoder(model.prior.sample(batch.prior_noise))
        batch.carry.update(rec=rec, fake=fake)

        # Fakes are detached as inputs of the encoder, but not as targets of their own reconstruction.
        r, g = model.as_sample(rec), model.as_sample(fake)
        q_rec = self.encode(model, r.detach(), batch, "rec")
        q_fake = self.encode(model, g.detach(), batch, "fake")
        error = model.error(batch.x, rec)
        error_rec = self.error_for_encoder(model, r, q_rec, batch, "rec")
        error_fake = self.error_for_encoder(model, g, q_fake, batch, "fake")
        found = self.divergences(model.prior, batch, real=posterior, rec=q_rec, fake=q_fake)

        exp_rec = (-2 * s * negative_elbo(error_rec, found.weighed["rec"], beta_rec, beta_neg)).exp()
        exp_fake = (-2 * s * negative_elbo(error_fake, found.weighed["fake"], beta_rec, beta_neg)).exp()
        elbo = negative_elbo(error, found.weighed["real"], beta_rec, beta_kl)
        total = (s * elbo + 0.25 * (exp_rec + exp_fake)).mean()
        terms = _means(rec=error, **found.kls, exp_rec=exp_rec, exp_fake=exp_fake, **found.tcs)
        further, further_terms = self.further_encoder_loss(model, posterior, batch)
        return PhaseLoss(total if further is None else total + s * further, {**terms, **further_terms})

    def further_encoder_loss(
        self, model: Autoencoder, posterior: DiagNormal, batch: Batch
    ) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Return what a variant adds to L_E before the factor s, (), and its terms for the log; here none."""
        return None, {}

    def density_of_fakes(self, model: Autoencoder) -> Prior:
        """Return the prior from which L_D measures KL(r) and KL(g)."""
        return model.prior

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_D. It reuses the graphs of r and g, because the decoder has not changed since the encoder phase."""
        beta_rec, beta_kl = self.beta_rec(batch.t), self.beta_kl(batch.t)
        s = 1 / math.prod(model.data_shape)

        rec, fake = batch.carry["rec"], batch.carry["fake"]
        r, g = model.as_sample(rec), model.as_sample(fake)
        q_rec, q_fake = self.encode(model, r, batch, "rec"), self.encode(model, g, batch, "fake")
        error = model.error(batch.x, rec)
        found = self.divergences(self.density_of_fakes(model), batch, rec=q_rec, fake=q_fake)

        loss = negative_elbo(error, 0.5 * (found.weighed["rec"] + found.weighed["fake"]), beta_rec, beta_kl)
        if self.gamma_r > 0:
            error_rec = self.error_for_decoder(model, r, q_rec, batch, "rec")
            error_fake = self.error_for_decoder(model, g, q_fake, batch, "fake")
            loss = loss + 0.5 * self.gamma_r * beta_rec * (error_rec + error_fake)
        return PhaseLoss(s * loss.mean(), _means(rec=error, **found.kls, **found.tcs))

    def remark(self, terms: Mapping[str, float]) -> Remark | None:
        """Return a remark if the KL of samples is below that of data: the encoder does not tell them apart."""
        if (low := low_kl_of_samples(terms)) is None:
            return None
        return Remark(f"{low}: the encoder does not repel samples. Lower beta_neg", ("beta_neg",))

    def error_for_encoder(self, model: Autoencoder, y: Tensor, q: DiagNormal, batch: Batch, of: str) -> Tensor:
        """Return R(y, ŷ) of the fakes y within e(y) of L_E, (B,); `q` are their posteriors."""
        return model.error(y, model.decoder(code(q, batch, of)))

    def error_for_decoder(self, model: Autoencoder, y: Tensor, q: DiagNormal, batch: Batch, of: str) -> Tensor:
        """Return R(y, ŷ) of the fakes y in L_D, (B,); `q` are their posteriors."""
        return model.error(y.detach(), model.decoder(code(q.detach(), batch, of)))

    def divergences(self, prior: Prior, batch: Batch, **posteriors: DiagNormal) -> Divergences:
        """Return the KL of each of the posteriors, which are named as in `encode`, and its total correlation."""
        weight = 1.0 if self.tc_beta is None else self.tc_beta(batch.t)
        return divergences(prior, batch, weight, posteriors)


@dataclass(frozen=True)
class WarmUp(VAE):
    """VAE of the warm-up, whose encoder reads what that of the method reads."""

    method: SoftIntroVAE = field(default_factory=SoftIntroVAE)

    def encode(self, model: Autoencoder, batch: Batch) -> DiagNormal:
        """Return q(z|x) of the changed pictures."""
        return self.method.encode(model, batch.x, batch, "real")


def _means(**values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each value, (B,) -> (), detached, for the log."""
    return {name: value.detach().mean() for name, value in values.items()}
