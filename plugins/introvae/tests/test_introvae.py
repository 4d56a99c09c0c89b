"""IntroVAE against its published update written by hand, and the laws of its hinge and its phases."""

from dataclasses import replace
from pkgutil import resolve_name

import genkit_introvae
import pytest
import torch
from genkit_introvae.loss import IntroVAE

from genkit.api import VAE, ConstantSchedule, kl_to_prior
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    batch_of,
    phase_gradients,
    small_autoencoder,
    take_step,
)

LATENT = 3
CHILDREN = ("encoder", "decoder")


def autoencoder():
    return small_autoencoder((2,), LATENT)


def data(step=0, rows=16):
    return torch.randn(rows, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))


def names_due(loss, step):
    return [phase.name for phase in loss.phases() if phase.due(step)]


def published_step(model, optimisers, batch, rec_weight, kl_weight, neg_weight, m):
    """Take the published step: the decoder gets the gradient of the error from the encoder's loss, by accumulation."""

    def kl(q):
        return -0.5 * (1 + q.logvar - q.mu**2 - torch.exp(q.logvar)).sum(1).mean()

    optimisers["encoder"].zero_grad()
    optimisers["decoder"].zero_grad()
    q = model.encoder(batch.x)
    z = q.mu + torch.exp(q.logvar / 2) * batch.in_phase("encoder").randn("posterior", LATENT)
    rec = model.decoder(z)
    error = ((rec - batch.x) ** 2).sum(1).mean()
    hinges = [torch.relu(m - kl(model.encoder(y.detach()))) for y in (rec, model.decoder(batch.z))]
    (rec_weight * error + kl_weight * (kl(q) + 0.5 * neg_weight * sum(hinges))).backward()
    optimisers["encoder"].step()

    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    fakes = model.decoder(z.detach()), model.decoder(batch.z)
    (0.5 * kl_weight * sum(kl(model.encoder(y)) for y in fakes)).backward()  # adds to the gradient of the error
    optimisers["decoder"].step()
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(True)


@pytest.mark.parametrize("optimiser", [torch.optim.SGD, torch.optim.Adam])
def test_steps_equal_the_published_update_written_by_hand(optimiser):
    ours, theirs = autoencoder(), autoencoder()
    start = [p.detach().clone() for p in ours.parameters()]
    loss = IntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7), ConstantSchedule(0.6), margin=5.0)
    optimisers = [{c: optimiser(m.get_submodule(c).parameters(), 0.01) for c in CHILDREN} for m in (ours, theirs)]
    for step in range(6):
        batch = batch_of(data(step), LATENT, step=step)
        take_step(loss, ours, optimisers[0], batch)
        published_step(theirs, optimisers[1], batch, 0.3, 0.7, 0.6, 5.0)
    for p, q, p_0 in zip(ours.parameters(), theirs.parameters(), start):
        assert not torch.allclose(p, p_0, rtol=0, atol=1e-4)
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


@pytest.mark.parametrize("step", [0, 1])
def test_the_gradients_of_each_phase_reach_everything_that_it_updates(step):
    assert_gradients_reach_updates(IntroVAE(warmup_steps=1), autoencoder(), batch_of(data(), LATENT), step=step)


def test_the_decoder_learns_to_reconstruct_in_the_decoder_phase():
    batch, model = batch_of(data(), LATENT), autoencoder()
    _, encoder, decoder = IntroVAE(beta_kl=ConstantSchedule(0.0)).phases()
    encoder.loss(model, batch.in_phase("encoder"))
    gradients = phase_gradients(decoder, model, batch)
    vae = phase_gradients(replace(VAE(beta_kl=ConstantSchedule(0.0)).phases()[0], name="encoder"), model, batch)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, vae[name], rtol=0, atol=1e-14)
        assert gradient.abs().max() > 0


def test_beyond_the_margin_the_encoder_has_the_gradient_of_a_vae():
    batch, model = batch_of(data(), LATENT), autoencoder()
    vae = phase_gradients(
        replace(VAE(ConstantSchedule(0.3), ConstantSchedule(0.7)).phases()[0], name="encoder"), model, batch
    )

    def largest_difference(margin):
        _, encoder, _ = IntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7), margin=margin).phases()
        gradients = phase_gradients(encoder, model, replace(batch, carry={}))
        return max((gradient - vae[name]).abs().max() for name, gradient in gradients.items())

    assert largest_difference(margin=1e-6) < 1e-14
    assert largest_difference(margin=50.0) > 1e-3


def test_the_encoder_raises_the_kl_of_fakes_and_the_decoder_lowers_it():
    batch, model = batch_of(data(), LATENT), autoencoder()
    zero = ConstantSchedule(0.0)

    def kl_fake():
        return kl_to_prior(model.encoder(model.decoder(batch.z))).mean().item()

    optimisers = {child: torch.optim.SGD(model.get_submodule(child).parameters(), 1e-3) for child in CHILDREN}
    _, encoder, decoder = IntroVAE(zero, beta_neg=ConstantSchedule(10.0)).phases()
    before = kl_fake()
    encoder.loss(model, batch.in_phase("encoder")).total.backward(
        inputs=list(model.encoder.parameters()), retain_graph=True
    )
    optimisers["encoder"].step()
    pushed = kl_fake()
    decoder.loss(model, batch.in_phase("decoder")).total.backward(inputs=list(model.decoder.parameters()))
    optimisers["decoder"].step()
    assert pushed > before
    assert kl_fake() < pushed


def test_the_warm_up_is_a_vae_and_ends_at_warmup_steps():
    loss = IntroVAE(warmup_steps=10)
    assert names_due(loss, 0) == names_due(loss, 9) == ["vae"]
    assert names_due(loss, 10) == ["encoder", "decoder"]
    assert names_due(IntroVAE(), 0) == ["encoder", "decoder"]


def test_the_warm_up_has_the_weights_of_the_method():
    batch, model = batch_of(data(), LATENT).in_phase("vae"), autoencoder()
    warm_up = IntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7)).phases()[0].loss(model, batch).total
    torch.testing.assert_close(
        warm_up, VAE(ConstantSchedule(0.3), ConstantSchedule(0.7)).loss(model, batch).total, rtol=0, atol=0
    )


def test_the_hinge_acts_on_the_rows_of_all_processes():
    """The fakes of another process have a large KL, so the global mean is beyond the margin, the local one not."""
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = IntroVAE(margin=50.0)
    apart = replace(batch, gather_rows=lambda kl: torch.cat([kl, torch.full_like(kl, 1000.0)]))
    alone, together = loss.encoder_loss(model, batch), loss.encoder_loss(model, apart)
    hinges = sum(50.0 - alone.terms[name] for name in ("kl_rec", "kl_fake"))
    assert hinges > 0
    torch.testing.assert_close(alone.total - together.total, 0.5 * hinges, rtol=0, atol=1e-12)


def test_two_processes_take_the_step_of_one():
    model, x = autoencoder(), data()
    x[8:] *= 20  # the halves differ, so a hinge on the local mean would differ too
    batch = batch_of(x, LATENT)
    # The margin is the global mean: the local means are on both sides of it.
    margin = IntroVAE().encoder_loss(model, batch.in_phase("encoder")).terms["kl_rec"].item() + 1e-3
    assert_processes_agree(IntroVAE(margin=margin), model, batch)


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_every_phase_reads_each_weight_at_the_progress_of_the_run(t):
    batch = batch_of(data(), LATENT, t=t)
    assert_schedules_follow_the_run(IntroVAE(margin=20.0), autoencoder(), batch, "beta_rec", "beta_kl", "beta_neg")


def test_the_terms_have_the_documented_names():
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = IntroVAE()
    encoder = loss.encoder_loss(model, batch.in_phase("encoder")).terms
    decoder = loss.decoder_loss(model, batch.in_phase("decoder")).terms
    assert set(encoder) == {"rec", "kl_real", "kl_rec", "kl_fake"}
    assert set(decoder) == {"rec", "kl_rec", "kl_fake"}


def test_the_terms_are_the_quantities_that_the_totals_are_made_of():
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = IntroVAE(ConstantSchedule(0.3), ConstantSchedule(0.7), ConstantSchedule(0.6), margin=20.0)
    encoder = loss.encoder_loss(model, batch.in_phase("encoder"))
    decoder = loss.decoder_loss(model, batch.in_phase("decoder"))
    for fake in ("rec", "fake"):
        expected = kl_to_prior(model.encoder(batch.carry[fake])).mean().item()
        assert encoder.terms[f"kl_{fake}"].item() == decoder.terms[f"kl_{fake}"].item() == pytest.approx(expected)
    assert encoder.terms["kl_real"].item() == pytest.approx(kl_to_prior(model.encoder(batch.x)).mean().item())

    e, d = ({name: term.item() for name, term in phase.terms.items()} for phase in (encoder, decoder))
    hinges = sum(max(20.0 - e[name], 0) for name in ("kl_rec", "kl_fake"))
    expected = 0.3 * e["rec"] + 0.7 * (e["kl_real"] + 0.5 * 0.6 * hinges)
    assert encoder.total.item() == pytest.approx(expected, rel=1e-12)
    expected = 0.3 * d["rec"] + 0.7 * 0.5 * (d["kl_rec"] + d["kl_fake"])
    assert decoder.total.item() == pytest.approx(expected, rel=1e-12)
    assert len(set(e.values())) == len(e)


def test_without_keys_the_loss_has_the_documented_defaults():
    """The arguments of the published main.py: weight_rec, weight_kl and weight_neg are 1, m_plus is 100."""
    one = ConstantSchedule(1.0)
    assert IntroVAE() == IntroVAE(beta_rec=one, beta_kl=one, beta_neg=one, margin=100.0, warmup_steps=0)


def test_the_plugin_supplies_the_loss():
    (entry,) = genkit_introvae.genkit_losses()
    assert entry.name == "introvae"
    assert resolve_name(entry.target) is IntroVAE


@pytest.mark.parametrize(
    ("real", "fake", "keys"),
    [
        (10.0, 12.0, None),
        (10.0, 9.6, None),  # nearly equal, as at the equilibrium
        (10.0, 9.4, ("beta_neg",)),  # the hinge pushes up to 20 nats, but too weakly
        (20.0, 15.0, ("margin",)),  # it pushes up to 20 nats only, which is no more than data have
        (40.0, 30.0, ("margin",)),  # it has nothing to push
        (40.0, 39.0, None),
        (None, 3.0, None),
        (3.0, None, None),
    ],
)
def test_a_remark_names_what_keeps_the_kl_of_samples_below_that_of_data(real, fake, keys):
    terms = {"encoder/kl_real": real, "encoder/kl_fake": fake}
    remark = IntroVAE(margin=20.0).remark({name: value for name, value in terms.items() if value is not None})
    assert (remark and remark.keys) == keys
    if remark is not None:
        assert "kl_fake" in remark.text and "kl_real" in remark.text
