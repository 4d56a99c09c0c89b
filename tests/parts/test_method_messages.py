"""Messages of networks, divergences and schedules, as they follow the place in a recipe."""

import pytest
import torch

from genkit.api import DiagNormal
from genkit.parts.divergences.kl import KL
from genkit.parts.schedules.linear import LinearSchedule
from genkit.parts.schedules.multistep import MultistepSchedule

ASDistance = pytest.importorskip("genkit_as_introvae.as_distance").ASDistance
ResNetGAN = pytest.importorskip("genkit_wgan_gp.resnet").ResNetGAN


def posteriors(batch: int, latent_dim: int) -> DiagNormal:
    return DiagNormal(torch.zeros(batch, latent_dim), torch.zeros(batch, latent_dim))


def between_batches(divergence, batch: int = 4, latent_dim: int = 2):
    return divergence(posteriors(batch, latent_dim), posteriors(batch, latent_dim))


MISTAKES = {
    "a critic with one entry": lambda: ResNetGAN(channels=(8,), data_shape=(1, 28, 28)),
    "a line that ends before it begins": lambda: LinearSchedule(begin=0.7, end=0.2),
    "milestones that do not increase": lambda: MultistepSchedule(1.0, (0.5, 0.25)),
    "batches of different sizes": lambda: KL()(posteriors(4, 2), posteriors(1, 2)),
    "a gradient that vanishes": lambda: between_batches(ASDistance("joint"), latent_dim=64),
    "a bandwidth that is too small": lambda: between_batches(
        ASDistance("joint-smoothed", bandwidth=0.05), latent_dim=64
    ),
    "a bandwidth for the published form": lambda: ASDistance("reference", bandwidth=0.3),
    "a reduction of a ratio": lambda: ASDistance("cauchy-schwarz", "sum"),
    "a batch of one sample": lambda: between_batches(ASDistance(statistic="u"), batch=1),
}


def test_the_messages(golden):
    messages = []
    for mistake, make in MISTAKES.items():
        with pytest.raises(ValueError) as caught:
            make()
        messages.append(f"# {mistake}\n{caught.value}\n")
    golden("methods", "\n".join(messages))
