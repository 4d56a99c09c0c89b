"""What the tests of AS-IntroVAE share: a small model, a batch, the loss with given weights, and its two phases."""

import torch
from genkit_as_introvae.loss import ASIntroVAE

from genkit.api import ConstantSchedule
from genkit.testing import batch_of, small_autoencoder

LATENT = 3
CHILDREN = ("encoder", "decoder")
BETAS = (0.3, 0.7, 1.6)  # β_rec, β_kl, β_neg


def autoencoder(shape=(2,)):
    return small_autoencoder(shape, LATENT)


def batch(step=0, t=0.0, shape=(2,), size=12):
    x = torch.randn(size, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))
    return batch_of(x, LATENT, step=step, t=t)


def as_introvae(**keys):
    return ASIntroVAE(*map(ConstantSchedule, BETAS), **keys)


def phases_of(loss, model, given):
    """Return the losses of the encoder and the decoder phase, both for the same weights."""
    _, encoder, decoder = loss.phases()
    return encoder.loss(model, given.in_phase("encoder")), decoder.loss(model, given.in_phase("decoder"))


def kl(q):
    return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1)


def error(target, output):
    return ((output - target) ** 2).reshape(len(target), -1).sum(1)
