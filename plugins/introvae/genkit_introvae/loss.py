"""IntroVAE: the encoder of a VAE is also its critic, with the KL divergence as the score of a sample.

The encoder keeps the KL of real data small and pushes that of the decoder's outputs up to a margin m; the decoder
pulls it down again. Both minimise, in turn,

    L_E = E_b[ β_rec·R(x, r) + β_kl·KL(x) ] + ½·β_kl·β_neg·( [m - E_b KL(r)]⁺ + [m - E_b KL(g)]⁺ )
    L_D = E_b[ β_rec·R(x, r) + ½·β_kl·( KL(r) + KL(g) ) ]

    r = D(z), z ~ q(z|x)      the reconstruction
    g = D(z), z ~ N(0, I)     the sample
    KL(s) = KL(q(z|s) || N(0, I)) in nats; R the squared error summed over a sample; E_b the mean over the batch

In L_E the decoder stands still, and r and g are constants where they enter the encoder. In L_D the encoder, already
updated, stands still, but the gradient of KL(r) and KL(g) flows through it into r and g.

Huang, Li, He, Sun & Tan 2018, "IntroVAE: Introspective Variational Autoencoders for Photographic Image Synthesis",
https://arxiv.org/abs/1807.06358. The arithmetic is that of the published code, https://github.com/hhb072/IntroVAE,
whose weight_rec, weight_kl, weight_neg and m_plus are our beta_rec, beta_kl, beta_neg and margin. As there:

- The hinge bends the mean KL of the whole batch, not the KL of a sample, and over n processes it is the mean of all.
- Nothing is divided by the number of pixels, unlike Soft-IntroVAE: weights do not carry over between the two.
- β_kl multiplies the adversarial terms as well. Divided by β_kl, the losses are those of the paper with α = ½·β_neg
  for the encoder, α = ½ for the decoder, and β = β_rec/β_kl (with R as above, without the paper's factor ½).

Deviations from the published code:

- It lets the gradient of β_rec·R in L_E accumulate in the decoder until the decoder's step. Here the term stands in
  L_D, on the reconstruction that the encoder phase left, which was made from the code z of the encoder before its
  update. The decoder's gradient is the same.
- It differentiates L_D with respect to the encoder too, through weights changed in place meanwhile (which today's
  torch refuses), and throws the result away. Here only the decoder is differentiated.
- The warm-up weighs R and KL by β_rec and β_kl, so that it trains the VAE which the method goes on from; there it uses
  1 and 1. A schedule for beta_rec gives the published one.

The implementation of IntroVAE that accompanies AS-IntroVAE, https://github.com/LOUEY233/AS-IntroVAE, is another loss:
its decoder never sees R, and a slip of parentheses leaves the hinge of r without its weight ½·β_neg. Neither is
followed here, so numbers made with it are not comparable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from torch import Tensor

from genkit.api import (
    VAE,
    Autoencoder,
    Batch,
    ConstantSchedule,
    Doc,
    NonNegativeInt,
    Phase,
    PhaseLoss,
    PositiveFloat,
    Schedule,
    kl_to_prior,
    squared_error,
)


@dataclass(frozen=True)
class IntroVAE:
    """IntroVAE. The defaults are those of the published code; it trains CelebA-HQ 256² with .05, 1, .5 and 120.

    As a rule the margin must exceed the KL that real data settles at: the hinge asks no more of a fake than that.
    """

    beta_rec: Annotated[Schedule, Doc("β_rec, weight of the reconstruction error, in both phases")] = ConstantSchedule(
        1.0
    )
    beta_kl: Annotated[Schedule, Doc("β_kl, weight of the KL of real data and of all adversarial terms")] = (
        ConstantSchedule(1.0)
    )
    beta_neg: Annotated[Schedule, Doc("β_neg, weight of the encoder's hinge relative to β_kl; more repels more")] = (
        ConstantSchedule(1.0)
    )
    margin: Annotated[PositiveFloat, Doc("m in nats; a mean KL of the fakes above it costs the encoder nothing")] = (
        100.0
    )
    warmup_steps: Annotated[NonNegativeInt, Doc("so many steps of a plain VAE come first")] = 0

    def phases(self) -> tuple[Phase, ...]:
        """First `vae` alone; from step `warmup_steps` on `encoder`, then `decoder`."""
        return (
            VAE(self.beta_rec, self.beta_kl).warm_up(self.warmup_steps, per_component=False),
            Phase("encoder", ("encoder",), self.encoder_loss, start=self.warmup_steps),
            Phase("decoder", ("decoder",), self.decoder_loss, start=self.warmup_steps),
        )

    def encoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_E, and leave the reconstruction and the sample, each (B, *data_shape), to the decoder phase."""
        posterior = model.encoder(batch.x)
        rec = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))
        fake = model.decoder(batch.z)
        batch.carry.update(rec=rec, fake=fake)

        error, kl_real = squared_error(batch.x, rec), kl_to_prior(posterior)
        kl_rec, kl_fake = kl_to_prior(model.encoder(rec.detach())), kl_to_prior(model.encoder(fake.detach()))

        beta_rec, beta_kl, beta_neg = self.beta_rec(batch.t), self.beta_kl(batch.t), self.beta_neg(batch.t)
        repulsion = 0.5 * beta_neg * (self._hinge(kl_rec, batch) + self._hinge(kl_fake, batch))
        total = beta_rec * error.mean() + beta_kl * (kl_real.mean() + repulsion)
        return PhaseLoss(total, _means(rec=error, kl_real=kl_real, kl_rec=kl_rec, kl_fake=kl_fake))

    def decoder_loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L_D, going on from the graphs of `rec` and `fake`: the decoder has not changed since."""
        rec, fake = batch.carry["rec"], batch.carry["fake"]
        error = squared_error(batch.x, rec)
        kl_rec, kl_fake = kl_to_prior(model.encoder(rec)), kl_to_prior(model.encoder(fake))

        attraction = 0.5 * self.beta_kl(batch.t) * (kl_rec.mean() + kl_fake.mean())
        total = self.beta_rec(batch.t) * error.mean() + attraction
        return PhaseLoss(total, _means(rec=error, kl_rec=kl_rec, kl_fake=kl_fake))

    def _hinge(self, kl: Tensor, batch: Batch) -> Tensor:
        # A mean inside a nonlinearity couples the samples, hence the gather. kl: (B,) nats -> ().
        return (self.margin - batch.gather(kl).mean()).relu()


def _means(**values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each of `values`, (B,) -> (), detached, for the report."""
    return {name: value.detach().mean() for name, value in values.items()}
