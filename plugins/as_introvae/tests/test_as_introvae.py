"""AS-IntroVAE against its published update written by hand, and the laws of its variants, distance and ramp."""

import math

import pytest
import torch
from as_introvae_cases import BETAS, CHILDREN, LATENT, as_introvae, autoencoder, batch, error, kl, phases_of
from genkit_as_introvae.as_distance import ASDistance
from torch.distributions import Normal

from genkit.api import ConstantSchedule, DiagNormal
from genkit.testing import (
    take_step,
)


def squash(q):
    return DiagNormal(torch.tanh(q.mu), torch.tanh(q.logvar))


def step_by_hand(model, optimisers, given, gamma, encoder_part, decoder_part):
    """Take the published step: two blocks, each with the other network frozen and everything computed again.

    `encoder_part(KL, q_r, q_g)` replaces the KL of one fake in e; `decoder_part(q_r, q_g)` replaces ½ΣKL in L_D.
    """
    rec_weight, kl_weight, neg_weight = BETAS
    scale = 1 / given.x[0].numel()

    def draw(q, phase, tag):
        return q.mu + torch.exp(q.logvar / 2) * given.in_phase(phase).randn(tag, LATENT)

    # Encoder
    model.encoder.requires_grad_(True)
    model.decoder.requires_grad_(False)
    fake = model.decoder(given.z)
    q = model.encoder(given.x)
    z = draw(q, "encoder", "posterior")
    rec = model.decoder(z)
    q_rec, q_fake = model.encoder(rec.detach()), model.encoder(fake.detach())
    error_rec = error(rec, model.decoder(draw(q_rec, "encoder", "posterior-rec")))
    error_fake = error(fake, model.decoder(draw(q_fake, "encoder", "posterior-fake")))
    kl_rec, kl_fake = (encoder_part(kl(each), q_rec, q_fake) for each in (q_rec, q_fake))
    exp_rec = torch.exp(-2 * scale * (rec_weight * error_rec + neg_weight * kl_rec)).mean()
    exp_fake = torch.exp(-2 * scale * (rec_weight * error_fake + neg_weight * kl_fake)).mean()
    real = scale * (rec_weight * error(given.x, rec).mean() + kl_weight * kl(q).mean())
    optimisers["encoder"].zero_grad()
    (real + 0.25 * (exp_rec + exp_fake)).backward()
    optimisers["encoder"].step()

    # Decoder
    model.encoder.requires_grad_(False)
    model.decoder.requires_grad_(True)
    fake = model.decoder(given.z)
    rec = model.decoder(z.detach())
    q_rec, q_fake = model.encoder(rec), model.encoder(fake)
    error_rec = error(rec.detach(), model.decoder(draw(q_rec, "decoder", "posterior-rec").detach()))
    error_fake = error(fake.detach(), model.decoder(draw(q_fake, "decoder", "posterior-fake").detach()))
    total = rec_weight * error(given.x, rec).mean() + kl_weight * decoder_part(q_rec, q_fake)
    total = total + 0.5 * gamma * rec_weight * (error_rec + error_fake).mean()
    optimisers["decoder"].zero_grad()
    (scale * total).backward()
    optimisers["decoder"].step()
    model.encoder.requires_grad_(True)


def assert_steps_agree(loss, by_hand, shape=(2,), optimiser=torch.optim.Adam):
    """Compare four steps; `by_hand(t)` returns both parts of `step_by_hand` at progress t."""
    ours, theirs = autoencoder(shape), autoencoder(shape)
    start = [p.detach().clone() for p in ours.parameters()]
    optimisers = [{c: optimiser(m.get_submodule(c).parameters(), 0.02) for c in CHILDREN} for m in (ours, theirs)]
    for step, t in enumerate((0.0, 0.05, 0.15, 0.6)):
        take_step(loss, ours, optimisers[0], batch(step, t, shape))
        step_by_hand(theirs, optimisers[1], batch(step, t, shape), loss.gamma_r, *by_hand(t))
    for p, q, p_0 in zip(ours.parameters(), theirs.parameters(), start):
        assert not torch.allclose(p, p_0, rtol=0, atol=1e-4)
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def mean_overlap(p, q, smoothing):
    """Return the mean over pairs and sum over dimensions of N(μ; μ', λ + λ' + 2h²)."""
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None] + smoothing
    density = Normal(q.mu[None].expand_as(spread), spread.sqrt()).log_prob(p.mu[:, None].expand_as(spread)).exp()
    return density.mean((0, 1)).sum()


def joint_overlap(p, q):
    """Return the mean over pairs of the product over dimensions, Eq. 6."""
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None]
    difference = p.mu[:, None] - q.mu[None]
    return (torch.exp(-0.5 * difference**2 / spread) / torch.sqrt(2 * math.pi * spread)).prod(-1).mean()


def published_overlap(p, q, reduce):
    spread = p.logvar.exp()[:, None] + q.logvar.exp()[None]
    return reduce(torch.exp(-0.5 * (p.mu[:, None] - q.mu[None]) ** 2 / spread) / torch.sqrt(spread))


def distance_by(overlap):
    return lambda p, q: overlap(p, p) + overlap(q, q) - 2 * overlap(p, q)


def mixed_by(distance):
    """Return the parts of both players for one distance and c = min(5t, 1), summed over the two fakes as in Eq. 7."""

    def parts(t):
        c = min(5 * t, 1)
        return (
            lambda kl_y, q_r, q_g: c * kl_y + (1 - c) * distance(q_r, q_g),
            lambda q_r, q_g: 0.5 * sum(c * kl(q).mean() + (1 - c) * distance(q_r, q_g) for q in (q_r, q_g)),
        )

    return parts


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
def test_steps_of_stable_equal_the_update_written_by_hand(shape, optimiser):
    distance = distance_by(lambda p, q: mean_overlap(p, q, 2 * 0.61**2))
    assert_steps_agree(as_introvae(gamma_r=1.0), mixed_by(distance), shape, optimiser)


def test_steps_of_paper_equal_the_update_written_by_hand():
    assert_steps_agree(as_introvae(variant="paper"), mixed_by(distance_by(joint_overlap)))


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
def test_steps_of_reference_equal_the_published_update_written_by_hand(shape, optimiser):
    total = distance_by(lambda p, q: published_overlap(p, q, torch.sum))
    mean = distance_by(lambda p, q: published_overlap(p, q, torch.mean))

    def parts(t):
        c = min(math.tanh(5 * t), 1)

        def decoder_part(q_r, q_g):
            q_r, q_g = squash(q_r), squash(q_g)
            return 0.5 * (c * (kl(q_r).mean() + kl(q_g).mean()) + (1 - c) * mean(q_r, q_g))

        return lambda kl_y, q_r, q_g: c * kl_y + (1 - c) * total(squash(q_r), squash(q_g)), decoder_part

    assert_steps_agree(as_introvae(variant="reference"), parts, shape, optimiser)


@pytest.mark.parametrize("gamma_r", [1.0, 0.0])
@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_steps_with_c_1_equal_those_of_soft_introvae_written_by_hand(variant, gamma_r):
    loss = as_introvae(variant=variant, gamma_r=gamma_r, c=ConstantSchedule(1.0))
    soft = (lambda kl_y, q_r, q_g: kl_y), (lambda q_r, q_g: 0.5 * (kl(q_r) + kl(q_g)).mean())
    assert_steps_agree(loss, lambda t: soft)


@pytest.mark.parametrize("variant", ["stable", "paper"])
def test_the_ramp_of_a_variant_ends_in_the_bits_of_c_1(variant):
    model = autoencoder()
    late = phases_of(as_introvae(variant=variant), model, batch(t=0.2))
    soft = phases_of(as_introvae(c=ConstantSchedule(1.0)), model, batch(t=0.2))
    assert [phase.total.item() for phase in late] == [phase.total.item() for phase in soft]


def refuse(p, q):
    raise AssertionError("a distance with weight zero was computed")


def test_a_distance_with_weight_zero_is_not_computed():
    model = autoencoder()
    for loss in phases_of(as_introvae(divergence=refuse), model, batch(t=0.2)):
        assert loss.terms["distance"] == 0
    with pytest.raises(AssertionError, match="weight zero"):
        phases_of(as_introvae(divergence=refuse), model, batch(t=0.19))


def test_the_encoder_pushes_the_posteriors_apart_and_the_decoder_pulls_them_together():
    # Eq. 4: the encoder raises D and the decoder lowers it.
    model, given = autoencoder(), batch()
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)

    def scaled(p, q):
        return scale * ASDistance()(p, q)

    slopes = [
        torch.autograd.grad(phase.total, scale)[0].item()
        for phase in phases_of(as_introvae(divergence=scaled), model, given)
    ]
    assert slopes[0] < 0 < slopes[1]
