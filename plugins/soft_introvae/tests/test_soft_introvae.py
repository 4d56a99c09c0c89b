"""Soft-IntroVAE against its published update written by hand, and the laws of its weights and its phases."""

import math
from dataclasses import replace
from pkgutil import resolve_name

import genkit_soft_introvae
import pytest
import torch
from genkit_soft_introvae.bootstrap import SoftIntroVAEBootstrap
from genkit_soft_introvae.learnt_prior import SoftIntroVAEPrior
from genkit_soft_introvae.loss import SoftIntroVAE
from torch import nn

from genkit.api import VAE, ConstantSchedule, kl_to_prior
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_schedules_follow_the_run,
    batch_of,
    phase_gradients,
    small_autoencoder,
    take_step,
)

LATENT = 3
CHILDREN = ("encoder", "decoder")


def autoencoder(shape=(2,), mean=0.0):
    """Return an MLP whose posterior means are around `mean`."""
    model = small_autoencoder(shape, LATENT)
    nn.init.constant_(model.encoder.net[-1].bias[:LATENT], mean)
    return model


def data(step=0, shape=(2,)):
    return torch.randn(16, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))


def names_due(loss, step):
    return [phase.name for phase in loss.phases() if phase.due(step)]


def published_step(model, optimisers, batch, rec_weight, kl_weight, neg_weight, gamma):
    """Take the published step: two blocks, each with the other network frozen and everything computed."""
    scale = 1 / batch.x[0].numel()

    def kl(q):
        return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1)

    def error(target, output):
        return ((output - target) ** 2).reshape(len(target), -1).sum(1)

    def draw(q, phase, tag):
        return q.mu + torch.exp(q.logvar / 2) * batch.in_phase(phase).randn(tag, LATENT)

    # Encoder
    model.encoder.requires_grad_(True)
    model.decoder.requires_grad_(False)
    fake = model.decoder(batch.z)
    q = model.encoder(batch.x)
    z = draw(q, "encoder", "posterior")
    rec = model.decoder(z)
    total = scale * (rec_weight * error(batch.x, rec).mean() + kl_weight * kl(q).mean())
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y.detach())
        error_y = error(y, model.decoder(draw(q_y, "encoder", tag)))
        total = total + 0.25 * torch.exp(-2 * scale * (rec_weight * error_y + neg_weight * kl(q_y))).mean()
    optimisers["encoder"].zero_grad()
    total.backward()
    optimisers["encoder"].step()

    # Decoder
    model.encoder.requires_grad_(False)
    model.decoder.requires_grad_(True)
    fake = model.decoder(batch.z)
    rec = model.decoder(z.detach())
    total = rec_weight * error(batch.x, rec).mean()
    for tag, y in (("posterior-rec", rec), ("posterior-fake", fake)):
        q_y = model.encoder(y)
        error_y = error(y.detach(), model.decoder(draw(q_y, "decoder", tag).detach()))
        total = total + 0.5 * kl_weight * kl(q_y).mean() + 0.5 * gamma * rec_weight * error_y.mean()
    optimisers["decoder"].zero_grad()
    (scale * total).backward()
    optimisers["decoder"].step()
    model.encoder.requires_grad_(True)


@pytest.mark.parametrize("gamma_r", [1.0, 1e-8, 0.0])
@pytest.mark.parametrize("shape", [(2,), (3, 2, 4)])
@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_steps_equal_the_published_update_written_by_hand(optimiser, shape, gamma_r):
    ours, theirs = autoencoder(shape), autoencoder(shape)
    start = [p.detach().clone() for p in ours.parameters()]
    loss = SoftIntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7), ConstantSchedule(1.6), gamma_r)
    optimisers = [{c: optimiser(m.get_submodule(c).parameters(), 0.02) for c in CHILDREN} for m in (ours, theirs)]
    for step in range(6):
        batch = batch_of(data(step, shape), LATENT, step=step)
        take_step(loss, ours, optimisers[0], batch)
        published_step(theirs, optimisers[1], batch, 0.3, 0.7, 1.6, gamma_r)
    for p, q, p_0 in zip(ours.parameters(), theirs.parameters(), start):
        assert not torch.allclose(p, p_0, rtol=0, atol=1e-4)
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("step", [0, 1])
def test_the_gradients_of_each_phase_reach_everything_that_it_updates(step):
    assert_gradients_reach_updates(SoftIntroVAE(warmup_steps=1), autoencoder(), batch_of(data(), LATENT), step=step)


def test_the_warm_up_is_a_vae_and_ends_at_warmup_steps():
    loss = SoftIntroVAE(warmup_steps=10)
    assert names_due(loss, 0) == names_due(loss, 9) == ["vae"]
    assert names_due(loss, 10) == ["encoder", "decoder"]
    assert names_due(SoftIntroVAE(), 0) == ["encoder", "decoder"]


def test_the_warm_up_is_scaled_like_the_other_phases():
    batch, model = batch_of(data(), LATENT).in_phase("vae"), autoencoder()
    warm_up = SoftIntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7)).phases()[0].loss(model, batch).total
    expected = VAE(ConstantSchedule(0.3), ConstantSchedule(0.7)).loss(model, batch).total / math.prod(model.data_shape)
    torch.testing.assert_close(warm_up, expected, rtol=0, atol=0)


def decoder_gradients(gamma_r):
    model, batch = autoencoder(), batch_of(data(), LATENT)
    _, encoder, decoder = SoftIntroVAE(gamma_r=gamma_r).phases()
    encoder.loss(model, batch.in_phase("encoder"))
    return torch.cat([g.flatten() for g in phase_gradients(decoder, model, batch).values()])


def test_gamma_r_changes_the_gradient_of_the_decoder_linearly():
    none, published, whole = decoder_gradients(0.0), decoder_gradients(1e-8), decoder_gradients(1.0)
    # Linear in γ_r: 1e-8 makes 1e-8 times the difference of 1.
    torch.testing.assert_close(published - none, 1e-8 * (whole - none), rtol=0, atol=1e-14)
    assert (whole - none).norm() > 1e-2 * none.norm()


@pytest.mark.parametrize(("gamma_r", "decodes"), [(0.0, 4), (1e-8, 6)])
def test_a_step_decodes_only_what_it_needs(gamma_r, decodes):
    model, batch = autoencoder(), batch_of(data(), LATENT)
    count = []
    model.decoder.register_forward_hook(lambda *_: count.append(1))
    for phase in SoftIntroVAE(gamma_r=gamma_r).phases()[1:]:
        phase.loss(model, batch.in_phase(phase.name))
    assert len(count) == decodes


def repulsion(model, beta_neg):
    """Return the norm of the part of the encoder's gradient that comes from the fakes."""
    batch = batch_of(data(), LATENT)
    encoder = phase_gradients(SoftIntroVAE(beta_neg=ConstantSchedule(beta_neg)).phases()[1], model, batch)
    vae = phase_gradients(replace(VAE().phases()[0], name="encoder"), model, batch)
    return torch.cat([(gradient - 0.5 * vae[name]).flatten() for name, gradient in encoder.items()]).norm().item()


def test_fakes_far_from_the_prior_are_not_repelled():
    model = autoencoder(mean=40.0)  # KL ≈ 2400 nats
    terms = SoftIntroVAE().encoder_loss(model, batch_of(data(), LATENT)).terms
    assert terms["kl_rec"] > 2000 and terms["kl_fake"] > 2000
    assert terms["exp_rec"] == terms["exp_fake"] == 0
    assert repulsion(model, 1.0) < 1e-12


def test_exp_terms_fall_as_beta_neg_rises():
    batch = batch_of(data(), LATENT)
    terms = [
        SoftIntroVAE(beta_neg=ConstantSchedule(b)).encoder_loss(autoencoder(), batch).terms for b in (0.1, 1.0, 10.0)
    ]
    for name in ("exp_rec", "exp_fake"):
        assert 1 > terms[0][name] > terms[1][name] > terms[2][name] > 0


def test_a_higher_beta_neg_repels_distant_fakes_less():
    model = autoencoder(mean=2.0)  # KL ≈ 6 nats, above 1/(2·s·β_neg) = 1/β_neg
    pushes = [repulsion(model, beta_neg) for beta_neg in (0.5, 1.0, 2.0, 4.0)]
    assert pushes == sorted(pushes, reverse=True)
    assert pushes[0] > 10 * pushes[-1] > 0


def test_a_perfect_fake_at_the_prior_counts_as_one():
    """e(y) = exp(0) if the posterior of a fake is the prior and its reconstruction is perfect."""
    model = autoencoder()
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    terms = SoftIntroVAE().encoder_loss(model, batch_of(data(), LATENT)).terms
    assert terms["exp_rec"] == terms["exp_fake"] == 1
    assert terms["kl_real"] == 0


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_every_phase_reads_each_weight_at_the_progress_of_the_run(t):
    batch = batch_of(data(), LATENT, t=t)
    assert_schedules_follow_the_run(SoftIntroVAE(gamma_r=0.5), autoencoder(), batch, "beta_rec", "beta_kl", "beta_neg")


def test_the_terms_have_the_documented_names():
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = SoftIntroVAE()
    encoder = loss.encoder_loss(model, batch.in_phase("encoder")).terms
    decoder = loss.decoder_loss(model, batch.in_phase("decoder")).terms
    assert set(encoder) == {"rec", "kl_real", "kl_rec", "kl_fake", "exp_rec", "exp_fake"}
    assert set(decoder) == {"rec", "kl_rec", "kl_fake"}


def test_the_terms_are_the_quantities_that_the_totals_are_made_of():
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = SoftIntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7), ConstantSchedule(1.6))
    encoder = loss.encoder_loss(model, batch.in_phase("encoder"))
    decoder = loss.decoder_loss(model, batch.in_phase("decoder"))
    for fake in ("rec", "fake"):
        expected = kl_to_prior(model.encoder(batch.carry[fake])).mean().item()
        assert encoder.terms[f"kl_{fake}"].item() == decoder.terms[f"kl_{fake}"].item() == pytest.approx(expected)

    e, d = ({name: term.item() for name, term in phase.terms.items()} for phase in (encoder, decoder))
    elbo = 0.5 * (0.3 * e["rec"] + 0.7 * e["kl_real"])
    assert encoder.total.item() == pytest.approx(elbo + 0.25 * (e["exp_rec"] + e["exp_fake"]), rel=1e-12)
    expected = 0.5 * (0.3 * d["rec"] + 0.7 * 0.5 * (d["kl_rec"] + d["kl_fake"]))
    assert decoder.total.item() == pytest.approx(expected, rel=1e-12)
    assert len(set(e.values())) == len(e) and e["kl_real"] == pytest.approx(
        kl_to_prior(model.encoder(batch.x)).mean().item()
    )


@pytest.mark.parametrize(
    ("fake", "remarked"), [(2.0, True), (9.4, True), (9.6, False), (10.0, False), (30.0, False), (None, False)]
)
def test_a_remark_is_made_if_the_kl_of_samples_is_below_that_of_data(fake, remarked):
    terms = {"encoder/kl_real": 10.0} | ({} if fake is None else {"encoder/kl_fake": fake})
    remark = SoftIntroVAE().remark(terms)
    assert (remark is not None) == remarked
    if remark is not None:
        assert "kl_fake" in remark.text and "kl_real" in remark.text and remark.keys == ("beta_neg",)
    assert SoftIntroVAE().remark({"vae/kl": 3.0}) is None


def test_without_keys_the_loss_has_the_documented_defaults():
    """Published: beta_rec and beta_kl 1. beta_neg (256 there) and gamma_r (1e-8) are genkit's own."""
    one = ConstantSchedule(1.0)
    assert SoftIntroVAE() == SoftIntroVAE(beta_rec=one, beta_kl=one, beta_neg=one, gamma_r=0.0, warmup_steps=0)


def test_the_plugin_supplies_the_loss():
    entries = {entry.name: resolve_name(entry.target) for entry in genkit_soft_introvae.genkit_losses()}
    assert entries == {
        "soft-introvae": SoftIntroVAE,
        "soft-introvae-prior": SoftIntroVAEPrior,
        "soft-introvae-bootstrap": SoftIntroVAEBootstrap,
    }
