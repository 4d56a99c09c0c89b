"""The variational autoencoder: one phase that trains both networks.

    L = E_b[ β_rec·R(x, D(z)) + β_kl·KL(q(z|x) || p(z)) ],   z ~ q(z|x)

R is the squared error summed over a sample, that is, a Gaussian decoder with variance ½; β_kl ≠ 1 makes it a β-VAE.

Kingma & Welling 2014, "Auto-Encoding Variational Bayes", https://arxiv.org/abs/1312.6114; Higgins et al. 2017,
"β-VAE", https://openreview.net/forum?id=Sy2fzU9gl.
"""

from __future__ import annotations

from dataclasses import dataclass

from genkit.engine.batch import Batch
from genkit.mathematics import kl_to_prior, negative_elbo, squared_error
from genkit.model import Autoencoder
from genkit.schedules.constant import Constant
from genkit.types import Phase, PhaseLoss, Schedule


@dataclass(frozen=True)
class VAE:
    """The plain VAE. The introspective methods use its one phase to warm up."""

    beta_rec: Schedule = Constant(1.0)
    beta_kl: Schedule = Constant(1.0)

    def phases(self) -> tuple[Phase, ...]:
        """One phase, `vae`, updates the encoder and the decoder."""
        return (self.phase(),)

    def phase(self, stop: int | None = None) -> Phase:
        """Return the phase, due before step `stop`: the warm-up of another method."""
        return Phase("vae", ("encoder", "decoder"), self.loss, stop=stop)

    def loss(self, model: Autoencoder, batch: Batch) -> PhaseLoss:
        """Return the mean negative evidence lower bound of the batch, in β-weighted nats."""
        posterior = model.encoder(batch.x)
        reconstruction = model.decoder(posterior.sample(batch.randn("posterior", model.latent_dim)))

        error = squared_error(batch.x, reconstruction)
        kl = kl_to_prior(posterior)
        total = negative_elbo(error, kl, self.beta_rec(batch.t), self.beta_kl(batch.t)).mean()
        return PhaseLoss(total, {"rec": error.detach().mean(), "kl": kl.detach().mean()})
