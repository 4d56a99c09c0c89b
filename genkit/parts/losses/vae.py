"""The variational autoencoder: one phase that trains both networks.

    L = E_b[ β_rec·R(x, D(z)) + β_kl·KL(q(z|x) || p(z)) ],   z ~ q(z|x)

R is the squared error summed over a sample, that is, a Gaussian decoder with variance ½; β_kl ≠ 1 makes it a β-VAE.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", https://arxiv.org/abs/1312.6114; Higgins et al. 2017,
"β-VAE", https://openreview.net/forum?id=Sy2fzU9gl.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from genkit.core.batch import Batch
from genkit.core.constant_schedule import ConstantSchedule
from genkit.core.elbo import kl_to_prior, negative_elbo, squared_error
from genkit.core.model import Autoencoder
from genkit.core.types import Phase, PhaseLoss, Schedule


@dataclass(frozen=True)
class VAE:
    """The plain VAE. The introspective methods use its one phase to warm up."""

    beta_rec: Schedule = ConstantSchedule(1.0)
    beta_kl: Schedule = ConstantSchedule(1.0)

    def phases(self) -> tuple[Phase, ...]:
        """One phase, `vae`, updates the encoder and the decoder."""
        return (Phase("vae", ("encoder", "decoder"), self.loss),)

    def warm_up(self, stop: int, *, per_component: bool) -> Phase:
        """Return the phase as the warm-up of another method, due before step `stop`.

        `per_component`: divide the loss by the number of components of a sample, for a method whose losses are. A jump
        of the scale would cripple Adam afterwards: its second moments forget the larger gradients of a warm-up on
        28x28 pixels, 784² times too large for what follows, only over some 13,000 steps.
        """
        loss = self.loss_per_component if per_component else self.loss
        return Phase("vae", ("encoder", "decoder"), loss, stop=stop)

    def loss_per_component(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return the loss divided by the number of components of a sample."""
        total, terms = self.loss(model, batch)
        return PhaseLoss(total / math.prod(model.data_shape), terms)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return the mean negative evidence lower bound of the batch, in β-weighted nats."""
        posterior = model.encoder(batch.x)
        reconstruction = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))

        error = squared_error(batch.x, reconstruction)
        kl = kl_to_prior(posterior)
        total = negative_elbo(error, kl, self.beta_rec(batch.t), self.beta_kl(batch.t)).mean()
        return PhaseLoss(total, {"rec": error.detach().mean(), "kl": kl.detach().mean()})
