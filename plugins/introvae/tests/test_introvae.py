"""IntroVAE against its published update written by hand, and the laws of its hinge and its phases."""

from dataclasses import replace
from pkgutil import resolve_name

import genkit_introvae
import pytest
import torch
from genkit_introvae.loss import IntroVAE
from torch import nn

from genkit.api import VAE, Autoencoder, Batch, ConstantSchedule, DiagNormal, Noise, Rows, kl_to_prior
from genkit.testing import assert_gradients_reach_updates, batch_of, phase_gradients

LATENT = 3
CHILDREN = ("encoder", "decoder")


class Encoder(nn.Module):
    def __init__(self, dims):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dims, 8), nn.Tanh(), nn.Linear(8, 2 * LATENT))

    def forward(self, x):
        return DiagNormal(*self.net(x).chunk(2, dim=1))


def autoencoder(seed=0):
    torch.manual_seed(seed)
    decoder = nn.Sequential(nn.Linear(LATENT, 8), nn.Tanh(), nn.Linear(8, 2))
    return Autoencoder(Encoder(2), decoder, LATENT, (2,)).double()


def data(step=0, rows=16):
    return torch.randn(rows, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(100 + step))


def names_due(loss, step):
    return [phase.name for phase in loss.phases() if phase.due(step)]


def take_step(loss, model, optimisers, batch, step):
    """Take one step, as the engine does."""
    for phase in loss.phases():
        if phase.due(step):
            total = phase.loss(model, batch.in_phase(phase.name)).total
            parameters = [p for child in phase.updates for p in model.get_submodule(child).parameters()]
            model.zero_grad()
            total.backward(inputs=parameters, retain_graph=bool(batch.carry))
            for child in phase.updates:
                optimisers[child].step()


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
        take_step(loss, ours, optimisers[0], batch, step)
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


def test_the_mean_over_two_processes_is_the_loss_of_one():
    model, x = autoencoder(), data()
    x[8:] *= 20  # the halves differ, so a hinge on the local mean would differ too
    gathered = []
    whole = batch_of(x, LATENT)
    # The margin is the global mean: the local means are on both sides of it.
    margin = IntroVAE().encoder_loss(model, whole.in_phase("encoder")).terms["kl_rec"].item() + 1e-3
    loss = IntroVAE(margin=margin)

    def record(kl):
        gathered.append(kl)
        return kl

    total = loss.encoder_loss(model, replace(whole, gather_rows=record).in_phase("encoder")).total

    def total_of(rows):
        noise = Noise(0, 0, "prior", rows, dtype=torch.float64)
        all_rows = iter(gathered)

        def gather(kl):
            everything = next(all_rows)
            torch.testing.assert_close(kl, everything[rows.start : rows.stop], rtol=0, atol=1e-12)
            return everything

        batch = Batch(x[rows.start : rows.stop], noise.randn("z", LATENT), 0.0, noise, gather_rows=gather)
        return loss.encoder_loss(model, batch.in_phase("encoder")).total

    halves = (total_of(Rows(0, 8, 16)) + total_of(Rows(8, 16, 16))) / 2
    torch.testing.assert_close(halves, total, rtol=0, atol=1e-12)
    parameters = list(model.encoder.parameters())
    for p, q in zip(
        torch.autograd.grad(halves, parameters, retain_graph=True), torch.autograd.grad(total, parameters), strict=True
    ):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


SCHEDULES = {
    "beta_rec": lambda t: 0.3 + t,
    "beta_kl": lambda t: 0.7 - 0.4 * t,
    "beta_neg": lambda t: 1.6 + 3 * t,
}


@pytest.mark.parametrize("t", [0.3, 0.9])
def test_every_phase_reads_each_weight_at_the_progress_of_the_run(t):
    """The progress of a phase differs from that of the run after a warm-up, here of a quarter of the run."""

    def totals(weights):
        loss, model, given = IntroVAE(margin=20.0, **weights), autoencoder(), batch_of(data(), LATENT, t=t)
        return [phase.loss(model, given.in_phase(phase.name, start=0.25)).total.item() for phase in loss.phases()]

    assert totals(SCHEDULES) == totals({key: ConstantSchedule(weight(t)) for key, weight in SCHEDULES.items()})
    assert totals(SCHEDULES) != totals({key: ConstantSchedule(weight(0.0)) for key, weight in SCHEDULES.items()})


def test_terms_are_detached_means():
    model, batch = autoencoder(), batch_of(data(), LATENT)
    loss = IntroVAE()
    encoder = loss.encoder_loss(model, batch.in_phase("encoder")).terms
    decoder = loss.decoder_loss(model, batch.in_phase("decoder")).terms
    assert set(encoder) == {"rec", "kl_real", "kl_rec", "kl_fake"}
    assert set(decoder) == {"rec", "kl_rec", "kl_fake"}
    for term in (*encoder.values(), *decoder.values()):
        assert term.shape == () and not term.requires_grad


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
