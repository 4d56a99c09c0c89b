"""Training steps as their authors published them, written again after the published code.

Soft-IntroVAE in two dimensions, Daniel & Tamar 2021:
https://github.com/taldatech/soft-intro-vae-pytorch/blob/e0253ad/soft_intro_vae_2d/train_soft_intro_vae_2d.py

AS-IntroVAE, Lu et al. 2022: https://github.com/LOUEY233/AS-IntroVAE/blob/7973442/A_VAE.py and `utils.py` there. It has
no code for two dimensions, so the step here is Soft-IntroVAE's step in two dimensions with the parts of AS-IntroVAE's
losses that differ: its KL, the distance over all pairs, computed at every step, the tanh, and the ramp c. (The loop of
AS-IntroVAE, for images, computes no deterministic reconstruction at every step. It computes a moving average of the
decoder and reads ten numbers for the progress bar. None of this is included here.)

On images the step is that of train_soft_intro_vae.py in the same repository: the step in two dimensions without the
deterministic reconstruction. Batches of images are ready when a step starts, as if loading took no time.

Everything that the published step computes is computed here: every batch of points by a Python loop over the points; in
two dimensions a deterministic reconstruction whose graph is kept and never used; the sample and the reconstruction
decoded again in the decoder phase; the decoder phase's reconstructions of both, with weight 1e-8; torch's Adam with its
defaults; a check of both totals for NaN, which waits for their values. Work that happens once in a few thousand steps,
and the progress bar, are left out.

A step draws in this order: the batch; the noise of the sample; the code of the reconstruction; in the encoder phase the
codes of the sample and of the reconstruction; in the decoder phase the codes of the reconstruction and of the sample.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import MultiStepLR

from benchmarks.published_networks import Gaussians, Pair

Totals = dict[str, Tensor]  # "phase/total" -> ()


class Weights(NamedTuple):
    """Weights of a loss, with the names of the recipe keys."""

    beta_rec: float
    beta_kl: float
    beta_neg: float
    gamma_r: float = 1e-8


class Draws(Protocol):
    """Source of the data and the random numbers of a step."""

    def batch(self) -> Tensor:
        """Return the data, (B, *data_shape). It is called first in a step."""
        ...

    def prior(self) -> Tensor:
        """Return standard normal noise, (B, L)."""
        ...

    def like(self, std: Tensor, phase: str, tag: str) -> Tensor:
        """Return standard normal noise of the shape of `std`, (B, L). genkit names the draw by `phase` and `tag`."""
        ...


@dataclass
class Fresh:
    """Random numbers from global generators, as published."""

    data: Callable[[], Tensor]
    shape: tuple[int, int]  # (B, L)
    device: str = "cpu"

    def batch(self) -> Tensor:
        return self.data().to(self.device)

    def prior(self) -> Tensor:
        return torch.randn(size=self.shape).to(self.device)

    def like(self, std: Tensor, phase: str, tag: str) -> Tensor:
        return torch.randn_like(std)


@dataclass(frozen=True)
class HeldImages:
    """Images that are ready before a step starts."""

    images: Tensor  # (B, C, H, W)

    def __call__(self) -> Tensor:
        """Return the same batch each time."""
        return self.images


@dataclass(frozen=True)
class EightGaussians:
    """The published 8 Gaussians, drawn point by point."""

    batch_size: int

    def __call__(self) -> Tensor:
        """Return a batch, (B, 2)."""
        diagonal = 1.0 / np.sqrt(2)
        on_axes = [(1, 0), (-1, 0), (0, 1), (0, -1)]
        directions = on_axes + [(x * diagonal, y * diagonal) for x in (1, -1) for y in (1, -1)]
        centres = [(2 * x, 2 * y) for x, y in directions]
        points = []
        for _ in range(self.batch_size):
            point = 0.02 * np.random.randn(2)
            x, y = random.choice(centres)
            point[0] += x
            point[1] += y
            points.append(point)
        scaled = np.array(points, dtype="float32")
        scaled /= 1.414
        return torch.FloatTensor(scaled)


def error(x: Tensor, y: Tensor) -> Tensor:
    """Return the squared error of each sample, (B,)."""
    return F.mse_loss(y.view(x.size(0), -1), x.view(x.size(0), -1), reduction="none").sum(1)


def kl(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return Soft-IntroVAE's KL from the prior, (B,)."""
    return -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(1)


def kl_of_two(mu: Tensor, logvar: Tensor, mu_of: float = 0.0, logvar_of: float = 0.0) -> Tensor:
    """Return AS-IntroVAE's KL from any Gaussian, (B,). All calls use the prior."""
    m, v = torch.tensor(mu_of), torch.tensor(logvar_of)
    return -0.5 * (1 + logvar - v - logvar.exp() / v.exp() - (mu - m).pow(2) / v.exp()).sum(1)


def overlap(mu: tuple[Tensor, Tensor], var: tuple[Tensor, Tensor], reduced: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the published kernel of all pairs, (B, 1, L) with (1, B, L), reduced to ()."""
    eta = 0
    exponent = (mu[0] - mu[1]).pow(2).div(eta + var[0] + var[1]).mul(-0.5)
    return reduced(exponent.exp().div((var[0] + var[1]).sqrt() + eta))


def distance(p: Gaussians, q: Gaussians, reduced: Callable[[Tensor], Tensor]) -> Tensor:
    """Return AS-IntroVAE's distance, (): three kernels over (B, B, L)."""
    (mu_p, var_p), (mu_q, var_q) = ((mu, logvar.exp()) for mu, logvar in (p, q))

    def rows(x: Tensor) -> Tensor:
        return x.view(x.size(0), 1, -1)

    def columns(x: Tensor) -> Tensor:
        return x.view(1, x.size(0), -1)

    k_pp = overlap((rows(mu_p), columns(mu_p)), (rows(var_p), columns(var_p)), reduced)
    k_pq = overlap((rows(mu_p), columns(mu_q)), (rows(var_p), columns(var_q)), reduced)
    k_qq = overlap((rows(mu_q), columns(mu_q)), (rows(var_q), columns(var_q)), reduced)
    return k_pp + k_qq - k_pq.mul(2.0)


def squashed(q: Gaussians) -> Gaussians:
    return nn.Tanh()(q[0]), nn.Tanh()(q[1])


class Method(NamedTuple):
    """Parts of a step that differ between methods. q_rec and q_fake are the posteriors of the two fakes."""

    kl: Callable[[Tensor, Tensor], Tensor]  # of the real data, (B,)
    in_exp: Callable[
        [Gaussians, Gaussians, float], tuple[Tensor, Tensor]
    ]  # q_rec, q_fake, c -> the two terms with weight β_neg
    drawn_together: Callable[
        [Gaussians, Gaussians, float], Tensor
    ]  # q_rec, q_fake, c -> the term with weight ½·β_kl, ()
    c: Callable[[float], float]  # function of the progress of the run


def soft_in_exp(q_rec: Gaussians, q_fake: Gaussians, c: float) -> tuple[Tensor, Tensor]:
    return kl(*q_rec), kl(*q_fake)


def soft_drawn_together(q_rec: Gaussians, q_fake: Gaussians, c: float) -> Tensor:
    return kl(*q_fake).mean() + kl(*q_rec).mean()


def as_in_exp(q_rec: Gaussians, q_fake: Gaussians, c: float) -> tuple[Tensor, Tensor]:
    kl_rec, kl_fake = kl_of_two(*q_rec), kl_of_two(*q_fake)
    apart = distance(squashed(q_rec), squashed(q_fake), torch.sum)
    return c * kl_rec + (1 - c) * apart, c * kl_fake + (1 - c) * apart


def as_drawn_together(q_rec: Gaussians, q_fake: Gaussians, c: float) -> Tensor:
    q_rec, q_fake = squashed(q_rec), squashed(q_fake)
    kls = kl_of_two(*q_rec).mean() + kl_of_two(*q_fake).mean()
    return c * kls + (1 - c) * distance(q_rec, q_fake, torch.mean)


SOFT_INTROVAE = Method(kl, soft_in_exp, soft_drawn_together, lambda t: 1.0)
AS_INTROVAE = Method(kl_of_two, as_in_exp, as_drawn_together, lambda t: min(math.tanh(5 * t), 1.0))


def train(
    method: Method, model: Pair, draws: Draws, weights: Weights, lr: float, steps: int, *, on_the_plane: bool = True
) -> Iterator[Totals]:
    """Train without end and yield the totals of each step. `steps` is the length of the run, which c depends on."""
    encoder, decoder = model.encoder, model.decoder
    adam_e = torch.optim.Adam(encoder.parameters(), lr=lr)
    adam_d = torch.optim.Adam(decoder.parameters(), lr=lr)
    schedules = [MultiStepLR(adam, milestones=(10_000, 15_000), gamma=0.1) for adam in (adam_e, adam_d)]
    beta_rec, beta_kl, beta_neg, gamma_r = weights

    def draw(q: Gaussians, phase: str, tag: str) -> Tensor:
        std = torch.exp(0.5 * q[1])
        return q[0] + draws.like(std, phase, tag) * std

    for step in count():
        x = draws.batch()
        model.train()
        s, c = 1 / x[0].numel(), method.c(step / steps)
        noise = draws.prior()

        # Encoder
        for parameter in encoder.parameters():
            parameter.requires_grad = True
        for parameter in decoder.parameters():
            parameter.requires_grad = False
        fake = decoder(noise)
        q = encoder(x)
        z = draw(q, "encoder", "posterior")
        rec = decoder(z)
        rec_det = decoder(encoder(x)[0]) if on_the_plane else None

        error_real = error(x, rec).mean()
        if rec_det is not None:
            error(x, rec_det.detach()).mean()  # computed for inspection only
        kl_real = method.kl(*q).mean()
        q_fake = encoder(fake.detach())
        rec_fake = decoder(draw(q_fake, "encoder", "posterior-fake"))
        q_rec = encoder(rec.detach())
        rec_rec = decoder(draw(q_rec, "encoder", "posterior-rec"))

        kept_rec, kept_fake = method.in_exp(q_rec, q_fake, c)
        exp_fake = (-2 * s * (beta_rec * error(fake, rec_fake) + beta_neg * kept_fake)).exp().mean()
        exp_rec = (-2 * s * (beta_rec * error(rec, rec_rec) + beta_neg * kept_rec)).exp().mean()
        loss_e = s * (beta_kl * kl_real + beta_rec * error_real) + 0.25 * (exp_fake + exp_rec)
        adam_e.zero_grad()
        loss_e.backward()
        adam_e.step()

        # Decoder
        for parameter in encoder.parameters():
            parameter.requires_grad = False
        for parameter in decoder.parameters():
            parameter.requires_grad = True
        fake = decoder(noise)
        rec = decoder(z.detach())
        error_real = error(x, rec).mean()
        q_rec = encoder(rec)
        z_rec = draw(q_rec, "decoder", "posterior-rec")
        q_fake = encoder(fake)
        z_fake = draw(q_fake, "decoder", "posterior-fake")
        rec_rec, rec_fake = decoder(z_rec.detach()), decoder(z_fake.detach())

        again = error(rec.detach(), rec_rec).mean() + error(fake.detach(), rec_fake).mean()
        together = method.drawn_together(q_rec, q_fake, c)
        loss_d = s * (beta_rec * error_real + 0.5 * beta_kl * together + gamma_r * 0.5 * beta_rec * again)
        adam_d.zero_grad()
        loss_d.backward()
        adam_d.step()

        if torch.isnan(loss_e) or torch.isnan(loss_d):
            raise FloatingPointError(f"step {step}: a loss is NaN")
        for schedule in schedules:
            schedule.step()
        yield {"encoder/total": loss_e.detach(), "decoder/total": loss_d.detach()}
