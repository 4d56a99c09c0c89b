"""What each phase of AS-IntroVAE computes: its weights, its terms, the distance, and what is left out."""

from dataclasses import replace

import pytest
import torch
from as_introvae_cases import BETAS, CHILDREN, as_introvae, autoencoder, batch, kl, phases_of
from genkit_as_introvae.as_distance import ASDistance
from genkit_as_introvae.loss import ASIntroVAE
from genkit_as_introvae.variants import VARIANTS

from genkit.api import VAE, ConstantSchedule
from genkit.testing import (
    assert_gradients_reach_updates,
    assert_processes_agree,
    assert_schedules_follow_the_run,
    phase_gradients,
)


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_processes_that_gather_take_the_step_of_one(variant):
    assert_processes_agree(as_introvae(variant=variant), autoencoder(), batch(t=0.02))


def test_a_phase_gathers_once():
    gathered = []
    given = replace(batch(), gather_rows=lambda x: gathered.append(x) or x)
    phases_of(as_introvae(), autoencoder(), given)
    assert len(gathered) == 2


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("step", [0, 1])
def test_the_gradients_of_each_phase_reach_everything_that_it_updates(variant, step):
    loss = as_introvae(variant=variant, warmup_steps=1)
    for t in (0.0, 0.1, 0.5):
        assert_gradients_reach_updates(loss, autoencoder(), batch(t=t), step=step)


def test_the_pair_real_fake_compares_the_posterior_of_data_with_that_of_samples():
    model, given, seen = autoencoder(), batch(), []

    def spy(p, q):
        seen.append((p, q))
        return ASDistance()(p, q)

    phases_of(as_introvae(divergence=spy, pair="real-fake"), model, given)
    real, fake = model.encoder(given.x), model.encoder(model.decoder(given.z))
    for p, q in seen:
        torch.testing.assert_close(tuple(p), tuple(real))
        torch.testing.assert_close(tuple(q), tuple(fake))
    (p_encoder, _), (p_decoder, _) = seen
    assert (
        p_encoder.mu.requires_grad and not p_decoder.mu.requires_grad
    )  # the decoder does not change the posterior of data


@pytest.mark.parametrize(
    "keys",
    [
        {"pair": "real-fake"},
        {"divergence": lambda p, q: (p.mu - q.mu).square().sum(dim=1)},  # of each sample, as `kl` of genkit is
    ],
)
def test_two_processes_take_the_step_of_one_with_another_pair_and_with_a_divergence_of_each_sample(keys):
    assert_processes_agree(as_introvae(**keys), autoencoder(), batch(t=0.02))


def test_the_decoder_phase_encodes_data_only_while_the_distance_has_a_weight():
    def encodes(t):
        model, calls = autoencoder(), []
        model.encoder.register_forward_hook(lambda *_: calls.append(1))
        phases_of(as_introvae(pair="real-fake"), model, batch(t=t))
        return len(calls)

    assert (encodes(0.0), encodes(0.5)) == (6, 5)


@pytest.mark.parametrize("t", [0.3, 0.9])
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_phase_reads_each_weight_at_the_progress_of_the_run(variant, t):
    loss = ASIntroVAE(variant=variant, gamma_r=0.5)
    assert_schedules_follow_the_run(loss, autoencoder(), batch(t=t), "beta_rec", "beta_kl", "beta_neg")


def test_the_warm_up_is_a_vae_scaled_like_the_other_phases():
    model, given = autoencoder((3, 2, 4)), batch(shape=(3, 2, 4)).in_phase("vae")
    warm_up = as_introvae(warmup_steps=10).phases()[0]
    assert (warm_up.updates, [warm_up.due(step) for step in (0, 9, 10)]) == ((*CHILDREN, "prior"), [True, True, False])
    rec_weight, kl_weight, _ = map(ConstantSchedule, BETAS)
    expected = VAE(rec_weight, kl_weight).loss(model, given).total / 24
    torch.testing.assert_close(warm_up.loss(model, given).total, expected, rtol=1e-14, atol=0)


def test_distance_weight_multiplies_the_distance_of_both_players():
    model = autoencoder()
    weighted = phases_of(as_introvae(distance_weight=3.0), model, batch(t=0.05))
    scaled = phases_of(as_introvae(divergence=lambda p, q: 3 * ASDistance()(p, q)), model, batch(t=0.05))
    plain = phases_of(as_introvae(), model, batch(t=0.05))
    for ours, theirs, without in zip(weighted, scaled, plain, strict=True):
        torch.testing.assert_close(ours.total, theirs.total, rtol=1e-13, atol=0)
        assert ours.total != without.total


def test_the_distance_reaches_the_decoder_through_both_encodings():
    model, given = autoencoder(), batch()
    loss = ASIntroVAE(ConstantSchedule(0.0), ConstantSchedule(1.0), c=ConstantSchedule(0.0))
    _, encoder, decoder = loss.phases()
    encoder.loss(model, given.in_phase("encoder"))
    rec, fake = given.carry["rec"], given.carry["fake"]
    total = decoder.loss(model, given.in_phase("decoder")).total
    assert all(g.abs().sum() > 0 for g in torch.autograd.grad(total, [rec, fake], retain_graph=True))
    assert all(g.abs().sum() > 0 for g in phase_gradients(decoder, model, given).values())


def test_gamma_r_0_saves_two_decodes_in_the_decoder_phase():
    def decodes(gamma_r):
        model, calls = autoencoder(), []
        model.decoder.register_forward_hook(lambda *_: calls.append(1))
        phases_of(as_introvae(gamma_r=gamma_r), model, batch())
        return len(calls)

    assert decodes(1e-8) == decodes(0.0) + 2 == 6


def test_c_starts_when_the_warm_up_ends():
    model, loss = autoencoder(), as_introvae(warmup_steps=50)
    _, encoder, _ = loss.phases()
    seen = [
        encoder.loss(model, batch(t=t).in_phase("encoder", start=0.5)).terms["c"].item() for t in (0.5, 0.55, 0.6, 0.9)
    ]
    assert seen == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert encoder.loss(model, batch(t=0.1).in_phase("encoder")).terms["c"].item() == pytest.approx(0.5)


def test_the_terms_have_the_documented_names():
    encoder, decoder = phases_of(as_introvae(), autoencoder(), batch())
    fakes = {"rec", "kl_rec", "kl_fake", "distance", "c"}
    assert set(encoder.terms) == fakes | {"kl_real", "exp_rec", "exp_fake"}
    assert set(decoder.terms) == fakes
    assert set(ASIntroVAE.about_terms) <= fakes


def test_the_terms_are_the_quantities_that_the_totals_are_made_of():
    model, given = autoencoder(), batch(t=0.05)
    encoder, decoder = phases_of(as_introvae(), model, given)
    q = {name: model.encoder(given.carry[name]) for name in ("rec", "fake")}
    for name, posterior in q.items():
        expected = kl(posterior).mean().item()
        assert encoder.terms[f"kl_{name}"].item() == decoder.terms[f"kl_{name}"].item() == pytest.approx(expected)
    distance = ASDistance()(q["rec"], q["fake"])[0].item()
    assert encoder.terms["kl_real"].item() == pytest.approx(kl(model.encoder(given.x)).mean().item())
    assert encoder.terms["distance"].item() == decoder.terms["distance"].item() == pytest.approx(distance)
    assert encoder.terms["c"].item() == decoder.terms["c"].item() == 0.25

    e, d = ({name: term.item() for name, term in phase.terms.items()} for phase in (encoder, decoder))
    elbo = 0.5 * (BETAS[0] * e["rec"] + BETAS[1] * e["kl_real"])
    assert encoder.total.item() == pytest.approx(elbo + 0.25 * (e["exp_rec"] + e["exp_fake"]), rel=1e-12)
    similarity = 0.25 * 0.5 * (d["kl_rec"] + d["kl_fake"]) + 0.75 * d["distance"]
    assert decoder.total.item() == pytest.approx(0.5 * (BETAS[0] * d["rec"] + BETAS[1] * similarity), rel=1e-12)
    assert len(set(e.values())) == len(e)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_phases_work_on_the_meta_device(variant):
    given = batch()
    noise = replace(given.noise, device=torch.device("meta"))
    given = replace(given, x=given.x.to("meta"), noise=noise)
    assert all(
        phase.total.is_meta for phase in phases_of(as_introvae(variant=variant), autoencoder().to("meta"), given)
    )
