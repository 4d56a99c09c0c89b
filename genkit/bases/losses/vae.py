"""Variational autoencoder (VAE): one phase trains the encoder and the decoder on the evidence lower bound.

It is the baseline, and the warm-up of the introspective methods. It minimises

    L = E_b[ β_rec·R(x, D(z)) + β_kl·KL(q(z|x) || p) ],   z ~ q(z|x)

    D             the decoder
    q(z|x)        N(μ, diag(σ²)), the output of the encoder
    R(x, y)       the reconstruction error of the model, by default the squared error Σ (x - y)² over a sample
    p             the prior, N(0, I) by default: KL = ½ Σ_d (μ² + σ² - 1 - log σ²), in nats
    E_b           the mean over the batch

The squared error is, up to a constant, -log p(x|z) of a Gaussian decoder with variance ½. So β_rec = β_kl = 1 gives the
VAE itself, and any other ratio a β-VAE, whose decoder has the variance β_kl / (2·β_rec).

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", <https://arxiv.org/abs/1312.6114>; for the weights, Higgins et
al. 2017, "β-VAE", <https://openreview.net/forum?id=Sy2fzU9gl>.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from genkit.core.batch import Batch
from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.diag_normal import DiagNormal
from genkit.core.elbo import negative_elbo
from genkit.core.field_types import Doc, NonNegativeSchedule
from genkit.core.loss import Phase, PhaseLoss
from genkit.core.model import Autoencoder

UPDATES = ("encoder", "decoder", "prior")  # genkit leaves out a prior that is not learnt


@dataclass(frozen=True)
class VAE:
    """Plain VAE, or β-VAE. The introspective methods use its phase for their warm-up."""

    beta_rec: Annotated[NonNegativeSchedule, Doc("Weight β_rec of the reconstruction error.")] = ConstantSchedule(1.0)
    beta_kl: Annotated[NonNegativeSchedule, Doc("Weight β_kl of the KL divergence.")] = ConstantSchedule(1.0)

    def phases(self) -> tuple[Phase, ...]:
        """Return one phase, `vae`, which updates the encoder, the decoder and a learnt prior."""
        return (Phase("vae", UPDATES, self.loss),)

    def warm_up(self, stop: int, *, per_component: bool) -> Phase:
        """Return the phase as the warm-up of another method, due before step `stop`.

        `per_component` divides the loss by the number of components of a sample; set it if the losses of the other
        method are divided too. Otherwise the scale of the loss drops after the warm-up, and Adam nearly stops: its
        second moments, which on 28x28 pixels are 784² times too large then, take some 13,000 steps to forget that.
        """
        loss = self.loss_per_component if per_component else self.loss
        return Phase("vae", UPDATES, loss, stop=stop)

    def loss_per_component(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return the loss divided by the number of components of a sample."""
        total, terms = self.loss(model, batch)
        return PhaseLoss(total / math.prod(model.data_shape), terms)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return L, the mean negative evidence lower bound of the batch, in β-weighted nats."""
        posterior = self.encode(model, batch)
        reconstruction = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))

        error = model.error(batch.x, reconstruction)
        kl = model.prior.kl(posterior, batch.noise.within("kl"))
        total = negative_elbo(error, kl, self.beta_rec(batch.t), self.beta_kl(batch.t)).mean()
        return PhaseLoss(total, {"rec": error.detach().mean(), "kl": kl.detach().mean()})

    def encode(self, model: Autoencoder, batch: Batch) -> DiagNormal:
        """Return q(z|x); the warm-up of a method may change what the encoder reads."""
        posterior: DiagNormal = model.encoder(batch.x)
        return posterior
