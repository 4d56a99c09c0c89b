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
    NonNegativeFloat,
    NonNegativeInt,
    Phase,
    PhaseLoss,
    Prior,
    Schedule,
    negative_elbo,
)


@dataclass(frozen=True)
class SoftIntroVAE:
    """Soft-IntroVAE, with the defaults of the published code, which trains CIFAR-10 with beta_neg = 256.

    A *higher* beta_neg repels all but the nearest fakes *less*: the encoder pushes the KL of a fake with the gradient
    ½·s·β_neg·e(y), which fades above a KL of 1/(2·s·β_neg) nats, which is 6 for CIFAR-10 at 256. Lower beta_neg if
    kl_fake does not rise above kl_real; raise it if training diverges.
    """

    beta_rec: Annotated[Schedule, Doc("Weight β_rec of the reconstruction error of real data and of fakes.")] = (
        ConstantSchedule(1.0)
    )
    beta_kl: Annotated[
        Schedule, Doc("Weight β_kl of the KL of real data, and of the KL of fakes in the decoder phase.")
    ] = ConstantSchedule(1.0)
    beta_neg: Annotated[
        Schedule, Doc("Weight β_neg of the KL of fakes inside the exponential; higher values repel fakes less.")
    ] = ConstantSchedule(1.0)
    gamma_r: Annotated[
        NonNegativeFloat,
        Doc("Weight γ_r of the reconstruction of fakes by the decoder; above 0 a step takes two more decodes."),
    ] = 0.0
    warmup_steps: Annotated[NonNegativeInt, Doc("Number of steps of a plain VAE before the method starts.")] = 0

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
        s = 1 / math.prod(model.data_shape)

        posterior = model.encoder(batch.x)
        rec = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))
        fake = model.decoder(model.prior.sample(batch.prior_noise))
        batch.carry.update(rec=rec, fake=fake)

        # Fakes are detached as inputs of the encoder, but not as targets of their own reconstruction.
        r, g = model.as_sample(rec), model.as_sample(fake)
        q_rec, q_fake = model.encoder(r.detach()), model.encoder(g.detach())
        error, kl_real = model.error(batch.x, rec), _kl(model.prior, posterior, batch, "real")
        error_rec = model.error(r, _reconstruction(model, q_rec, batch, "rec"))
        error_fake = model.error(g, _reconstruction(model, q_fake, batch, "fake"))
        kl_rec, kl_fake = _kl(model.prior, q_rec, batch, "rec"), _kl(model.prior, q_fake, batch, "fake")

        exp_rec = (-2 * s * negative_elbo(error_rec, kl_rec, beta_rec, beta_neg)).exp()
        exp_fake = (-2 * s * negative_elbo(error_fake, kl_fake, beta_rec, beta_neg)).exp()
        total = (s * negative_elbo(error, kl_real, beta_rec, beta_kl) + 0.25 * (exp_rec + exp_fake)).mean()
        terms = _means(rec=error, kl_real=kl_real, kl_rec=kl_rec, kl_fake=kl_fake, exp_rec=exp_rec, exp_fake=exp_fake)
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
        q_rec, q_fake = model.encoder(r), model.encoder(g)
        error, prior = model.error(batch.x, rec), self.density_of_fakes(model)
        kl_rec, kl_fake = _kl(prior, q_rec, batch, "rec"), _kl(prior, q_fake, batch, "fake")

        loss = negative_elbo(error, 0.5 * (kl_rec + kl_fake), beta_rec, beta_kl)
        if self.gamma_r > 0:
            error_rec = model.error(r.detach(), _reconstruction(model, q_rec.detach(), batch, "rec"))
            error_fake = model.error(g.detach(), _reconstruction(model, q_fake.detach(), batch, "fake"))
            loss = loss + 0.5 * self.gamma_r * beta_rec * (error_rec + error_fake)
        return PhaseLoss(s * loss.mean(), _means(rec=error, kl_rec=kl_rec, kl_fake=kl_fake))


def _reconstruction(model: Autoencoder, posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return the decoder's output for z ~ `posterior`, (B, *data_shape), the reconstruction of the fake `of`."""
    return model.decoder(posterior.sample(batch.randn(f"posterior-{of}", model.latent_dim)))


def _kl(prior: Prior, posterior: DiagNormal, batch: Batch, of: str) -> Tensor:
    """Return KL(`posterior` || `prior`) in nats, (B,)."""
    return prior.kl(posterior, batch.noise.within(f"kl-{of}"))


def _means(**values: Tensor) -> dict[str, Tensor]:
    """Return the mean of each value, (B,) -> (), detached, for the log."""
    return {name: value.detach().mean() for name, value in values.items()}
