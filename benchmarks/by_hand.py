"""Methods on 8 Gaussians as a careful researcher would write them, with torch only and without the engine.

Each is an endless loop that yields the totals of a step by phase. The networks and the AS-Distance are those of genkit,
because they are not part of the engine. Random numbers come from torch's global generator, in the order in which the
engine draws them, so that a step can be repeated with the engine's draws. Nothing is computed for logging only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from genkit.core.model import GAN, Autoencoder

BATCH_SIZE, LR = 512, 2e-4
BETA_REC, BETA_KL, BETA_NEG, GAMMA_R = 0.2, 0.3, 0.9, 1e-8  # published values for 8 Gaussians
PENALTY, N_CRITIC = 0.1, 5
S = 1 / 2  # 1 / (number of components of a sample)

Totals = dict[str, Tensor]  # "phase/total" -> ()

ANGLES = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
CENTRES = (torch.stack([ANGLES.cos(), ANGLES.sin()], dim=1) * 2 / 1.414).float()  # (8, 2)


def eight_gaussians() -> Tensor:
    return CENTRES[torch.randint(8, (BATCH_SIZE,))] + 0.02 / 1.414 * torch.randn(BATCH_SIZE, 2)


def prior() -> Tensor:
    return torch.randn(BATCH_SIZE, 2)


def adam(*modules: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam([p for module in modules for p in module.parameters()], lr=LR, fused=True)


def draw(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + (0.5 * logvar).exp() * torch.randn(BATCH_SIZE, 2)


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    return 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1)


def error(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).square().sum(dim=1)


def vae(model: Autoencoder, steps: int) -> Iterator[Totals]:
    optimiser = adam(model)
    while True:
        x = eight_gaussians()
        mu, logvar = model.encoder(x)
        total = (BETA_REC * error(x, model.decoder(draw(mu, logvar))) + BETA_KL * kl(mu, logvar)).mean()

        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        yield {"vae/total": total.detach()}


def soft_introvae(model: Autoencoder, steps: int) -> Iterator[Totals]:
    encoder, decoder = model.encoder, model.decoder
    adam_e, adam_d = adam(encoder), adam(decoder)
    encoder_parameters, decoder_parameters = list(encoder.parameters()), list(decoder.parameters())
    while True:
        x = eight_gaussians()
        posterior = encoder(x)
        rec, fake = decoder(draw(*posterior)), decoder(prior())
        q_rec, q_fake = encoder(rec.detach()), encoder(fake.detach())
        e_rec = (-2 * S * (BETA_REC * error(rec, decoder(draw(*q_rec))) + BETA_NEG * kl(*q_rec))).exp()
        e_fake = (-2 * S * (BETA_REC * error(fake, decoder(draw(*q_fake))) + BETA_NEG * kl(*q_fake))).exp()
        loss_e = (S * (BETA_REC * error(x, rec) + BETA_KL * kl(*posterior)) + 0.25 * (e_rec + e_fake)).mean()
        adam_e.zero_grad()
        loss_e.backward(inputs=encoder_parameters, retain_graph=True)
        adam_e.step()

        q_rec, q_fake = (
            encoder(rec),
            encoder(fake),
        )  # the decoder has not changed since, so rec and fake are still valid
        loss = BETA_REC * error(x, rec) + BETA_KL * 0.5 * (kl(*q_rec) + kl(*q_fake))
        again = error(rec.detach(), decoder(draw(*q_rec.detach())))
        again = again + error(fake.detach(), decoder(draw(*q_fake.detach())))
        loss_d = S * (loss + 0.5 * GAMMA_R * BETA_REC * again).mean()
        adam_d.zero_grad()
        loss_d.backward(inputs=decoder_parameters)
        adam_d.step()
        yield {"encoder/total": loss_e.detach(), "decoder/total": loss_d.detach()}


def as_introvae(model: Autoencoder, steps: int) -> Iterator[Totals]:
    from genkit_as_introvae.as_distance import ASDistance

    distance = ASDistance()
    encoder, decoder = model.encoder, model.decoder
    adam_e, adam_d = adam(encoder), adam(decoder)
    encoder_parameters, decoder_parameters = list(encoder.parameters()), list(decoder.parameters())
    step = 0
    while True:
        c = min(5 * step / steps, 1)
        x = eight_gaussians()
        posterior = encoder(x)
        rec, fake = decoder(draw(*posterior)), decoder(prior())
        q_rec, q_fake = encoder(rec.detach()), encoder(fake.detach())
        apart = (1 - c) * distance(q_rec, q_fake)
        e_rec = BETA_REC * error(rec, decoder(draw(*q_rec))) + BETA_NEG * (c * kl(*q_rec) + apart)
        e_fake = BETA_REC * error(fake, decoder(draw(*q_fake))) + BETA_NEG * (c * kl(*q_fake) + apart)
        repulsion = 0.25 * ((-2 * S * e_rec).exp() + (-2 * S * e_fake).exp())
        loss_e = (S * (BETA_REC * error(x, rec) + BETA_KL * kl(*posterior)) + repulsion).mean()
        adam_e.zero_grad()
        loss_e.backward(inputs=encoder_parameters, retain_graph=True)
        adam_e.step()

        q_rec, q_fake = encoder(rec), encoder(fake)
        similarity = c * 0.5 * (kl(*q_rec) + kl(*q_fake)) + (1 - c) * distance(q_rec, q_fake)
        again = error(rec.detach(), decoder(draw(*q_rec.detach())))
        again = again + error(fake.detach(), decoder(draw(*q_fake.detach())))
        loss = BETA_REC * error(x, rec) + BETA_KL * similarity + 0.5 * GAMMA_R * BETA_REC * again
        loss_d = S * loss.mean()
        adam_d.zero_grad()
        loss_d.backward(inputs=decoder_parameters)
        adam_d.step()
        step += 1
        yield {"encoder/total": loss_e.detach(), "decoder/total": loss_d.detach()}


def wgan_gp(model: GAN, steps: int) -> Iterator[Totals]:
    generator, critic = model.generator, model.critic
    adam_g, adam_c = adam(generator), adam(critic)
    generator_parameters, critic_parameters = list(generator.parameters()), list(critic.parameters())
    step = 0
    while True:
        x, z = eight_gaussians(), prior()
        with torch.no_grad():
            fake = generator(z)
        mix = torch.rand(BATCH_SIZE).view(-1, 1)
        between = (mix * x + (1 - mix) * fake).requires_grad_()
        real_score, fake_score = critic(x), critic(fake)
        (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
        loss_c = (fake_score - real_score).mean() + PENALTY * (slope.norm(dim=1) - 1).square().mean()
        adam_c.zero_grad()
        loss_c.backward(inputs=critic_parameters)
        adam_c.step()
        totals = {"critic/total": loss_c.detach()}

        step += 1
        if step % N_CRITIC == 0:
            loss_g = -critic(generator(prior())).mean()
            adam_g.zero_grad()
            loss_g.backward(inputs=generator_parameters)
            adam_g.step()
            totals["generator/total"] = loss_g.detach()
        yield totals


BY_HAND: dict[str, Callable[..., Iterator[Totals]]] = {
    "vae": vae,
    "soft-introvae": soft_introvae,
    "as-introvae": as_introvae,
    "wgan-gp": wgan_gp,
}
