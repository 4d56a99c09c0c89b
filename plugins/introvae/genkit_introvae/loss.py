"""IntroVAE: the encoder of a VAE is also the critic of its decoder, with the KL divergence as the score of a sample.

The encoder keeps the KL of real data small and pushes the KL of the decoder's outputs up to a margin m; the decoder
pulls it down again. They minimise, in alternation,

    L_E = E_b[ β_rec·R(x, r) + β_kl·KL(x) ] + ½·β_kl·β_neg·( [m - E_b KL(r)]⁺ + [m - E_b KL(g)]⁺ )
    L_D = E_b[ β_rec·R(x, r) + ½·β_kl·( KL(r) + KL(g) ) ]

    r = D(z), z ~ q(z|x)      the reconstruction
    g = D(z), z ~ p           the sample; p is the prior, N(0, I) by default
    KL(y) = KL(q(z|y) || p) in nats; E_b the mean over the batch
    R     the reconstruction error of the model, summed over a sample; by default, and as published, the squared error

In L_E the decoder is frozen, and r and g are detached where they enter the encoder. In L_D the encoder, which has just
been updated, is frozen, but the gradient of KL(r) and KL(g) flows through it into r and g.

Huang, Li, He, Sun & Tan 2018, "IntroVAE: Introspective Variational Autoencoders for Photographic Image Synthesis",
<https://arxiv.org/abs/1807.06358>.

The arithmetic is that of the published code, <https://github.com/hhb072/IntroVAE>, whose `weight_rec`, `weight_kl`,
`weight_neg` and `m_plus` are the keys `beta_rec`, `beta_kl`, `beta_neg` and `margin`. Like that code:

- The hinge acts on the mean KL of the batch, not on the KL of each sample. With several processes it acts on the mean
  over all of them.
- Nothing is divided by the number of pixels. Soft-IntroVAE divides, so weights of one method do not suit the other.
- β_kl multiplies the adversarial terms too. Divided by β_kl, the losses are those of the paper with α = ½·β_neg for the
  encoder, α = ½ for the decoder, and β = β_rec/β_kl (with R as above, without the factor ½ of the paper).

Deviations from the published code:

- The published code lets the gradient of β_rec·R in L_E accumulate in the decoder until the decoder's step. Here the
  term is part of L_D, for the reconstruction of the encoder phase, whose code z comes from the encoder before its
  update. The gradient of the decoder is the same.
- The published code also differentiates L_D with respect to the encoder, through weights that were changed in place
  (current versions of torch refuse this), and discards the result. Here only the decoder is differentiated.
- The warm-up weights R and KL with β_rec and β_kl, so it trains the VAE that the method continues from; the published
  code uses 1 and 1. A schedule for `beta_rec` reproduces that.

The implementation of IntroVAE that accompanies AS-IntroVAE, <https://github.com/LOUEY233/AS-IntroVAE>, is a different
loss: its decoder gets no gradient of R, and a misplaced parenthesis leaves the hinge of r without the weight ½·β_neg.
Neither is reproduced here, so numbers made with that code are not comparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from genkit.api import (
    VAE,
    Autoencoder,
    Batch,
    ConstantSchedule,
    DiagNormal,
    Doc,
    NonNegativeInt,
    NonNegativeSchedule,
    Phase,
    PhaseLoss,
    PositiveFloat,
    Remark,
    low_kl_of_samples,
)


@dataclass(frozen=True)
class IntroVAE:
    """IntroVAE, with the defaults of the published code.

    That code trains CelebA-HQ 256x256 with beta_rec = .05, beta_kl = 1, beta_neg = .5 and margin = 120. As a rule the
    margin must exceed the KL that real data converges to: the hinge pushes the KL of fakes only up to the margin.
    """

    beta_rec: Annotated[NonNegativeSchedule, Doc("Weight β_rec of the reconstruction error in both phases.")] = (
        ConstantSchedule(1.0)
    )
    beta_kl: Annotated[NonNegativeSchedule, Doc("Weight β_kl of the KL of real data and of all adversarial terms.")] = (
        ConstantSchedule(1.0)
    )
    beta_neg: Annotated[
        NonNegativeSchedule,
        Doc("Weight β_neg of the hinge of the encoder, relative to β_kl; higher values repel fakes more."),
    ] = ConstantSchedule(1.0)
    margin: Annotated[
        PositiveFloat, Doc("Margin m, in nats: a mean KL of fakes above it costs the encoder nothing.")
    ] = 100.0
    warmup_steps: Annotated[NonNegativeInt, Doc("Number of steps of a plain VAE before the method starts.")] = 0

    def phases(self) -> tuple[Phase, ...]:
        """Return `vae`, due before step `warmup_steps`, then `encoder` and `decoder`, due from that step on."""
        return (
            VAE(self.beta_rec, self.beta_kl).warm_up(self.warmup_steps, per_component=False),
            Phase("encoder", ("encoder",), self.encoder_loss, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decoder_loss, start=self.warmup_steps),
        )

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E, and store the decoder's outputs for r and g in `batch.carry` for the decoder phase."""
        posterior = model.encoder(batch.x)
        rec = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))
        fake = model.decoder(model.prior.sample(batch.prior_noise))
        batch.carry.update(rec=rec, fake=fake)

        error, kl_real = model.error(batch.x, rec), _kl(model, posterior, batch, "real")
        kl_rec = _kl(model, model.encoder(model.as_sample(rec.detach())), batch, "rec")
        kl_fake = _kl(model, model.encoder(model.as_sample(fake.detach())), batch, "fake")

        beta_rec, beta_kl, beta_neg = self.beta_rec(batch.t), self.beta_kl(batch.t), self.beta_neg(batch.t)
        repulsion = 0.5 * beta_neg * (self._hinge(kl_rec, batch) + self._hinge(kl_fake, batch))
        total = beta_rec * error.mean() + beta_kl * (kl_real.mean() + repulsion)
        return PhaseLoss(total, _means(rec=error, kl_real=kl_real, kl_rec=kl_rec, kl_fake=kl_fake))

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_D. It reuses the graphs of r and g, because the decoder has not changed since the encoder phase."""
        rec, fake = batch.carry["rec"], batch.carry["fake"]
        error = model.error(batch.x, rec)
        kl_rec = _kl(model, model.encoder(model.as_sample(rec)), batch, "rec")
        kl_fake = _kl(model, model.encoder(model.as_sample(fake)), batch, "fake")

        attraction = 0.5 * self.beta_kl(batch.t) * (kl_rec.mean() + kl_fake.mean())
        total = self.beta_rec(batch.t) * error.mean() + attraction
        return PhaseLoss(total, _means(rec=error, kl_rec=kl_rec, kl_fake=kl_fake))

    def remark(self, terms: Mapping[str, float]) -> Remark | None:
        """Return a remark if the KL of samples is below that of data: the hinge is too low, or too weak."""
        if (low := low_kl_of_samples(terms)) is None:
            return None
        if terms["encoder/kl_real"] >= self.margin:
            text = (
                f"the encoder repels samples up to the margin of {self.margin:g} nats only. Raise margin above kl_real"
            )
            return Remark(f"{low}: {text}", ("margin",))
        return Remark(f"{low}: the encoder does not repel samples enough. Raise beta_neg", ("beta_neg",))

    def _hinge(self, kl: Tensor, batch: Batch) -> Tensor:
        # A mean inside a nonlinearity couples the samples, so all processes are gathered. kl: (B,) nats -> ().
        return (self.margin - batch.gather(kl).mean()).relu()


def _kl(model: Autoencoder, posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return KL(`posterior` || p) in nats, (B,), to the prior p of the model."""
    return model.prior.kl(posterior, batch.noise.within(f"kl-{of}"))


def _means(**values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each value, (B,) -> (), detached, for the log."""
    return {name: value.detach().mean() for name, value in values.items()}
